{{/* How a pod reaches Kafka, PostgreSQL and Redis: environment, volumes, mounts. Passwords are files, re-read by the services. */}}

{{/* (dict "root" $ "component" "processor") */}}
{{- define "alertcast.kafka.env" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $external := $kafka.external -}}
- name: KAFKA_BROKER
  value: {{ include "alertcast.kafka.brokers" .root | quote }}
- name: TOPIC_EVENTS
  value: {{ $kafka.topics.events.name | quote }}
- name: TOPIC_PARTITIONS
  value: {{ int $kafka.topics.events.partitions | quote }}
- name: CONSUMER_GROUP
  value: {{ $kafka.consumerGroup | quote }}
{{- if or (eq $kafka.mode "strimzi") $external.sasl.mechanism }}
- name: KAFKA_SASL_MECHANISM
  value: {{ ternary "scram-sha-512" $external.sasl.mechanism (eq $kafka.mode "strimzi") }}
- name: KAFKA_SASL_USERNAME
  value: {{ ternary (include "alertcast.componentName" .) (get $external.sasl.usernames .component) (eq $kafka.mode "strimzi") | quote }}
- name: KAFKA_SASL_PASSWORD_FILE
  value: /var/run/secrets/alertcast/kafka/password
{{- end }}
{{- if or (eq $kafka.mode "strimzi") $external.tls.enabled }}
- name: KAFKA_SSL
  value: "true"
{{- if or (eq $kafka.mode "strimzi") $external.tls.caSecret }}
- name: KAFKA_SSL_CA_FILE
  value: /var/run/secrets/alertcast/kafka-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.kafka.volumes" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $external := $kafka.external -}}
{{- if eq $kafka.mode "strimzi" -}}
{{- include "alertcast.secretVolume" (dict "name" "kafka" "secret" (include "alertcast.componentName" .) "key" "password" "path" "password") }}
{{ include "alertcast.secretVolume" (dict "name" "kafka-ca" "secret" (printf "%s-cluster-ca-cert" (include "alertcast.kafka.cluster" .root)) "key" "ca.crt" "path" "ca.crt") }}
{{- else -}}
{{- if $external.sasl.mechanism -}}
{{- include "alertcast.secretVolume" (dict "name" "kafka" "secret" $external.sasl.existingSecret "key" (get $external.sasl.keys .component) "path" "password") }}
{{ end -}}
{{- if and $external.tls.enabled $external.tls.caSecret -}}
{{- include "alertcast.secretVolume" (dict "name" "kafka-ca" "secret" $external.tls.caSecret "key" $external.tls.caKey "path" "ca.crt") }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "alertcast.postgresql.env" -}}
{{- $pg := .root.Values.postgresql -}}
- name: PG_HOST
  value: {{ include "alertcast.postgresql.host" .root | quote }}
- name: PG_PORT
  value: {{ include "alertcast.postgresql.port" .root | quote }}
- name: PG_DB
  value: {{ $pg.database | quote }}
- name: PG_USER
  value: {{ get $pg.auth.usernames .role | quote }}
- name: PG_PASSWORD_FILE
  value: /var/run/secrets/alertcast/postgresql/{{ .role }}
- name: PG_SSLMODE
  value: {{ default (ternary "disable" "verify-full" (eq $pg.mode "bundled")) $pg.sslMode }}
{{- if $pg.caSecret }}
- name: PG_SSL_CA_FILE
  value: /var/run/secrets/alertcast/postgresql-ca/ca.crt
{{- end }}
{{- end }}

{{/* (dict "root" $ "role" "processor"): each pod gets its own role's password alone. */}}
{{- define "alertcast.postgresql.volumes" -}}
{{- $pg := .root.Values.postgresql -}}
{{- include "alertcast.secretVolume" (dict "name" "postgresql" "secret" (include "alertcast.postgresql.secret" .root) "key" (get $pg.auth.keys .role) "path" .role) }}
{{- include "alertcast.postgresql.caVolume" . }}
{{- end }}

{{- define "alertcast.postgresql.caVolume" -}}
{{- $pg := .root.Values.postgresql -}}
{{- if $pg.caSecret }}
{{ include "alertcast.secretVolume" (dict "name" "postgresql-ca" "secret" $pg.caSecret "key" $pg.caKey "path" "ca.crt") }}
{{- end }}
{{- end }}

{{- define "alertcast.redis.env" -}}
{{- $redis := .root.Values.redis -}}
{{- $external := eq $redis.mode "external" -}}
- name: REDIS_ADDR
  value: {{ include "alertcast.redis.addr" .root | quote }}
{{- if and $external $redis.username }}
- name: REDIS_USERNAME
  value: {{ $redis.username | quote }}
{{- end }}
{{- if and (ne $redis.mode "none") (include "alertcast.redis.secret" .root) }}
- name: REDIS_PASSWORD_FILE
  value: /var/run/secrets/alertcast/redis/password
{{- end }}
{{- if and $external $redis.tls.enabled }}
- name: REDIS_TLS
  value: "true"
{{- if $redis.tls.caSecret }}
- name: REDIS_TLS_CA_FILE
  value: /var/run/secrets/alertcast/redis-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{- define "alertcast.redis.volumes" -}}
{{- $redis := .root.Values.redis -}}
{{- $secret := include "alertcast.redis.secret" .root -}}
{{- if and (ne $redis.mode "none") $secret -}}
{{- include "alertcast.secretVolume" (dict "name" "redis" "secret" $secret "key" $redis.auth.key "path" "password") }}
{{- end -}}
{{- if and (eq $redis.mode "external") $redis.tls.enabled $redis.tls.caSecret }}
{{ include "alertcast.secretVolume" (dict "name" "redis-ca" "secret" $redis.tls.caSecret "key" $redis.tls.caKey "path" "ca.crt") }}
{{- end -}}
{{- end }}

{{/* One key of a Secret, mounted as a directory so that a change arrives. */}}
{{- define "alertcast.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 288 # 0440
    {{- if .optional }}
    optional: true
    {{- end }}
    items:
      - key: {{ .key }}
        path: {{ .path }}
{{- end }}

{{/* Mounts of all Secret volumes in a text of volumes. */}}
{{- define "alertcast.secretMounts" -}}
{{- range (. | fromYamlArray) }}
{{- if hasKey . "secret" }}
- name: {{ .name }}
  mountPath: /var/run/secrets/alertcast/{{ .name }}
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
