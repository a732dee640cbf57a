{{/* Small objects that several components have. Each takes (dict "root" $ "component" "api" "values" .Values.api). */}}

{{- define "alertcast.metadata" -}}
metadata:
  name: {{ include "alertcast.componentName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alertcast.labels" . | nindent 4 }}
{{- end }}

{{- define "alertcast.serviceAccount" -}}
{{- if .root.Values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
{{ include "alertcast.metadata" . }}
  {{- with .root.Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "alertcast.service" -}}
apiVersion: v1
kind: Service
{{ include "alertcast.metadata" . }}
  {{- with .values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector:
    {{- include "alertcast.selectorLabels" . | nindent 4 }}
  ports:
    - name: http
      port: 8080
      targetPort: http
      appProtocol: http
{{- end }}

{{- define "alertcast.pdb" -}}
{{- if .values.pdb.enabled }}
apiVersion: policy/v1
kind: PodDisruptionBudget
{{ include "alertcast.metadata" . }}
spec:
  maxUnavailable: {{ .values.pdb.maxUnavailable }}
  # A pod that is not ready anyway must not block the drain of its node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "alertcast.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end }}

{{- define "alertcast.hpa" -}}
{{- with .values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "%s.autoscaling: minReplicas (%d) must not be more than maxReplicas (%d)" $.component (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
{{ include "alertcast.metadata" $ }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "alertcast.componentName" $ }}
  minReplicas: {{ int .minReplicas }}
  maxReplicas: {{ int .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ int .targetCPU }}
{{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.ingress" -}}
{{- with .values.ingress }}
{{- if .enabled }}
apiVersion: networking.k8s.io/v1
kind: Ingress
{{ include "alertcast.metadata" $ }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range (default (list "") .hosts) }}
    - http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "alertcast.componentName" $ }}
                port:
                  name: http
      {{- with . }}
      host: {{ . | quote }}
      {{- end }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.httpRoute" -}}
{{- with .values.httpRoute }}
{{- if .enabled }}
{{- if not .parentRefs }}{{ fail (printf "%s.httpRoute.parentRefs must name a Gateway" $.component) }}{{ end }}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
{{ include "alertcast.metadata" $ }}
spec:
  parentRefs:
    {{- toYaml .parentRefs | nindent 4 }}
  {{- with .hostnames }}
  hostnames:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - backendRefs:
        - name: {{ include "alertcast.componentName" $ }}
          port: 8080
{{- end }}
{{- end }}
{{- end }}

{{/* All of a component that serves HTTP but its Deployment. */}}
{{- define "alertcast.httpObjects" -}}
{{ include "alertcast.serviceAccount" . }}
---
{{ include "alertcast.service" . }}
---
{{ include "alertcast.pdb" . }}
---
{{ include "alertcast.hpa" . }}
---
{{ include "alertcast.ingress" . }}
---
{{ include "alertcast.httpRoute" . }}
{{- end }}
