{{/* What all pods of AlertCast's own image have in common. */}}

{{- define "alertcast.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.podSecurity.runAsUser }}
runAsUser: {{ int . }}
runAsGroup: {{ int . }}
{{- end }}
{{- with .Values.podSecurity.fsGroup }}
fsGroup: {{ int . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "alertcast.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* (dict "root" $ "values" .Values.api): where a pod may run. */}}
{{- define "alertcast.scheduling" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "alertcast.topologySpread" -}}
{{- if (.values.topologySpread).enabled }}
topologySpreadConstraints:
{{- if .values.topologySpread.constraints }}
  {{- toYaml .values.topologySpread.constraints | nindent 2 }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "alertcast.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.commonEnv" -}}
- name: LOG_LEVEL
  value: {{ .root.Values.logLevel }}
{{- if not .job }}
- name: METRICS_PORT
  value: "9464"
{{- with .root.Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $.root.Values.tracing.sampleRatio | toString | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The chart's own variables but those that extraEnv names, then extraEnv, the last of a name: Helm 4 applies server-side, which
refuses a name twice. Numbers and truth values become the text that Kubernetes wants.
*/}}
{{- define "alertcast.env" -}}
{{- $extra := list -}}
{{- $given := dict -}}
{{- range reverse .values.extraEnv -}}
{{- if not (hasKey $given .name) -}}
{{- $_ := set $given .name true -}}
{{- $isText := or (kindIs "string" .value) (kindIs "invalid" .value) -}}
{{- $extra = prepend $extra (ternary . (merge (dict "value" (toJson .value)) .) $isText) -}}
{{- end -}}
{{- end -}}
{{- $env := list -}}
{{- range printf "%s\n%s" (include "alertcast.commonEnv" .) .env | fromYamlArray -}}
{{- if not (hasKey $given .name) }}{{ $env = append $env . }}{{ end -}}
{{- end -}}
{{- concat $env $extra | toYaml -}}
{{- end }}

{{/* Liveness looks at no dependency; a start may be slow on a busy node. */}}
{{- define "alertcast.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
{{- end }}

{{/*
The pod template of a component.
root, component, values; env and volumes as texts; mounts beside those of Secrets; annotations as a text;
http: serves port 8080; job: has no probes; token: talks to the Kubernetes API.
*/}}
{{- define "alertcast.podTemplate" -}}
{{- $root := .root -}}
{{- $values := .values -}}
metadata:
  {{- if or .annotations $values.podAnnotations }}
  annotations:
    {{- with .annotations }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  labels:
    {{- include "alertcast.stableLabels" . | nindent 4 }}
    {{- with $values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "alertcast.componentName" . }}
  automountServiceAccountToken: {{ default false .token }}
  enableServiceLinks: false
  {{- with $root.Values.global.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .job }}
  # A restarted pod goes with its Job when that gives up, and the log of what went wrong with it.
  restartPolicy: Never
  {{- end }}
  terminationGracePeriodSeconds: 40
  securityContext:
    {{- include "alertcast.podSecurityContext" $root | nindent 4 }}
  {{- with include "alertcast.scheduling" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "alertcast.topologySpread" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "alertcast.image" (dict "root" $root "image" $root.Values.image) | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ .component }}]
      env:
        {{- include "alertcast.env" . | nindent 8 }}
      {{- if not .job }}
      ports:
        {{- if .http }}
        - name: http
          containerPort: 8080
        {{- end }}
        - name: metrics
          containerPort: 9464
      {{- include "alertcast.probes" . | nindent 6 }}
      {{- if .http }}
      lifecycle:
        preStop:
          sleep:
            seconds: 5
      {{- end }}
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      securityContext:
        {{- include "alertcast.containerSecurityContext" . | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- with include "alertcast.secretMounts" .volumes | trim }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with .mounts }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* As the pod template; ownedReplicas: another writer owns the replicas; strategy: a text. */}}
{{- define "alertcast.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "alertcast.componentName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "alertcast.labels" . | nindent 4 }}
spec:
  {{- if not .ownedReplicas }}
  replicas: {{ int .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  progressDeadlineSeconds: 900
  strategy:
    type: RollingUpdate
    rollingUpdate:
      {{- .strategy | nindent 6 }}
  selector:
    matchLabels:
      {{- include "alertcast.selectorLabels" . | nindent 6 }}
  template:
    {{- include "alertcast.podTemplate" . | nindent 4 }}
{{- end }}
