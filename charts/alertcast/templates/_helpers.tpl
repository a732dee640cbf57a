{{/* Names, labels, images. What takes a component gets (dict "root" $ "component" "api"). */}}

{{- define "alertcast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* Cut at 40: suffixes such as -kafka-cluster-ca-cert follow. */}}
{{- define "alertcast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "alertcast.componentName" -}}
{{- printf "%s-%s" (include "alertcast.fullname" .root) .component -}}
{{- end }}

{{/* Objects of the cluster carry the namespace in their name, so that two releases do not meet. */}}
{{- define "alertcast.clusterName" -}}
{{- printf "%s-%s-%s" .root.Release.Namespace (include "alertcast.fullname" .root) .component | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Immutable: nothing that a new chart version changes. */}}
{{- define "alertcast.selectorLabels" -}}
app.kubernetes.io/name: {{ include "alertcast.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{/* For pods, volume claims and whatever hands its labels on to pods: a chart upgrade alone must restart none of them. */}}
{{- define "alertcast.stableLabels" -}}
{{ include "alertcast.selectorLabels" . }}
app.kubernetes.io/part-of: alertcast
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "alertcast.labels" -}}
{{ include "alertcast.stableLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* (dict "root" $ "image" .Values.image): registry/repository:tag@digest; global.imageRegistry wins. */}}
{{- define "alertcast.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ .image.repository }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{- define "alertcast.publicUrl" -}}
{{- default (printf "http://%s-api.%s.svc:8080" (include "alertcast.fullname" .) .Release.Namespace) .Values.publicUrl -}}
{{- end }}

{{/* The name of the Secret that setup makes, or the user's own. */}}
{{- define "alertcast.postgresql.secret" -}}
{{- default (printf "%s-postgresql" (include "alertcast.fullname" .)) .Values.postgresql.auth.existingSecret -}}
{{- end }}

{{- define "alertcast.redis.secret" -}}
{{- default (ternary (printf "%s-redis" (include "alertcast.fullname" .)) "" (eq .Values.redis.mode "bundled")) .Values.redis.auth.existingSecret -}}
{{- end }}

{{/* JSON: the Secrets that setup has to make, name to keys; {} = none. */}}
{{- define "alertcast.generatedSecrets" -}}
{{- $secrets := dict -}}
{{- if .Values.secrets.generate -}}
{{- with .Values.postgresql -}}
{{- if and (eq .mode "bundled") (not .auth.existingSecret) -}}
{{- $_ := set $secrets (include "alertcast.postgresql.secret" $) (values .auth.keys | sortAlpha | uniq) -}}
{{- end -}}
{{- end -}}
{{- with .Values.redis -}}
{{- if and (eq .mode "bundled") (not .auth.existingSecret) -}}
{{- $_ := set $secrets (include "alertcast.redis.secret" $) (list .auth.key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $secrets -}}
{{- end }}

{{- define "alertcast.kafka.cluster" -}}
{{- default (printf "%s-kafka" (include "alertcast.fullname" .)) .Values.kafka.clusterName -}}
{{- end }}

{{- define "alertcast.kafka.brokers" -}}
{{- if eq .Values.kafka.mode "strimzi" -}}
{{- printf "%s-kafka-bootstrap.%s.svc:9093" (include "alertcast.kafka.cluster" .) .Release.Namespace -}}
{{- else -}}
{{- join "," .Values.kafka.external.brokers -}}
{{- end -}}
{{- end }}

{{/* "true" where the chart itself makes a Kafka cluster of one copy; the preset of a cluster that is there already says nothing. */}}
{{- define "alertcast.kafka.isDev" -}}
{{- with .Values.kafka -}}
{{- if and (eq .mode "strimzi") .strimzi.createCluster (eq .strimzi.preset "dev") }}true{{ end -}}
{{- end -}}
{{- end }}

{{/* (dict "root" $ "topic" .Values.kafka.topics.events): 0 = by the preset. */}}
{{- define "alertcast.kafka.topicReplicas" -}}
{{- int .topic.replicas | default (ternary 1 3 (eq (include "alertcast.kafka.isDev" .root) "true")) -}}
{{- end }}

{{- define "alertcast.postgresql.host" -}}
{{- if eq .Values.postgresql.mode "bundled" -}}
{{- printf "%s-postgresql" (include "alertcast.fullname" .) -}}
{{- else -}}
{{- .Values.postgresql.host -}}
{{- end -}}
{{- end }}

{{- define "alertcast.postgresql.port" -}}
{{- ternary 5432 (int .Values.postgresql.port) (eq .Values.postgresql.mode "bundled") -}}
{{- end }}

{{- define "alertcast.redis.addr" -}}
{{- if eq .Values.redis.mode "none" -}}
none
{{- else if eq .Values.redis.mode "bundled" -}}
{{- printf "%s-redis:6379" (include "alertcast.fullname" .) -}}
{{- else -}}
{{- .Values.redis.addr -}}
{{- end -}}
{{- end }}
