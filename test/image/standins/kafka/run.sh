#!/bin/bash
# KAFKA_LOG_DIRS=x becomes log.dirs=x; the folder is formatted once; then the broker runs in this process.
set -euo pipefail
config=/tmp/server.properties
: >"$config"
while IFS='=' read -r -d '' name value; do
  case "$name" in
    KAFKA_HEAP_OPTS) ;;
    KAFKA_*) key=${name#KAFKA_}; key=${key,,}; echo "${key//_/.}=$value" >>"$config" ;;
  esac
done < <(env -0)
java=(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlog4j2.level=WARN -cp "/opt/kafka/libs/*")
if [ ! -f "$KAFKA_LOG_DIRS/meta.properties" ]; then
  id=A$(head -c 32 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | head -c 20)w
  "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$config"
fi
# shellcheck disable=SC2086 # several options
exec "${java[@]}" ${KAFKA_HEAP_OPTS:-} kafka.Kafka "$config"
