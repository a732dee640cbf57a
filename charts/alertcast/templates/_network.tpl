{{/* Parts of NetworkPolicies: lists of egress or ingress rules. */}}

{{/* (dict "root" $ "components" (list "api")): peers within the release. */}}
{{- define "alertcast.peers" -}}
- podSelector:
    matchLabels:
      {{- include "alertcast.selectorLabels" (dict "root" .root) | nindent 6 }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: {{ toJson .components }}
{{- end }}

{{/* The API server has no pod label, and its port is what the Service maps to. */}}
{{- define "alertcast.egress.kubernetes" -}}
- ports:
    - {port: 443, protocol: TCP}
    - {port: 6443, protocol: TCP}
{{- end }}

{{- define "alertcast.egress.dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dnsTo | nindent 4 }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "alertcast.egress.kafka" -}}
{{- if eq .Values.kafka.mode "strimzi" -}}
- to:
    - podSelector:
        matchLabels:
          strimzi.io/cluster: {{ include "alertcast.kafka.cluster" . }}
          strimzi.io/name: {{ include "alertcast.kafka.cluster" . }}-kafka
  ports:
    - {port: 9093, protocol: TCP}
{{- else -}}
{{- $ports := list -}}
{{- range .Values.kafka.external.brokers }}{{ $ports = append $ports (regexFind "[0-9]+$" . | int) }}{{ end -}}
- ports:
    {{- range $ports | uniq }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.egress.postgresql" -}}
- {{ if eq .Values.postgresql.mode "bundled" -}}
  to:
    {{- include "alertcast.peers" (dict "root" . "components" (list "postgresql")) | nindent 4 }}
  {{ end -}}
  ports:
    - {port: {{ include "alertcast.postgresql.port" . }}, protocol: TCP}
{{- end }}

{{- define "alertcast.egress.redis" -}}
{{- if ne .Values.redis.mode "none" -}}
- {{ if eq .Values.redis.mode "bundled" -}}
  to:
    {{- include "alertcast.peers" (dict "root" . "components" (list "redis")) | nindent 4 }}
  {{ end -}}
  ports:
    - {port: {{ include "alertcast.redis.addr" . | regexFind "[0-9]+$" }}, protocol: TCP}
{{- end }}
{{- end }}

{{/* A collector in the cluster; one outside needs networkPolicy.extraEgress. */}}
{{- define "alertcast.egress.otlp" -}}
{{- with .Values.tracing.endpoint }}
{{- $url := urlParse . }}
- to:
    - namespaceSelector: {}
  ports:
    - {port: {{ regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "alertcast.ingress.metrics" -}}
{{- with .Values.networkPolicy.metricsFrom }}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - {port: 9464, protocol: TCP}
{{- end }}
{{- end }}

{{/* (dict "root" $ "from" peers): port 8080; nobody named = everybody. */}}
{{- define "alertcast.ingress.http" -}}
- {{ with .from -}}
  from:
    {{- toYaml . | nindent 4 }}
    {{- include "alertcast.peers" (dict "root" $.root "components" (list "test")) | nindent 4 }}
  {{ end -}}
  ports:
    - {port: 8080, protocol: TCP}
{{- end }}
