#!/bin/sh
# Makes sure that Kafka, PostgreSQL and Redis can be started for the tests, and Prometheus for those of dashboards and
# alerts. Installs what is missing where it may (root with apt-get); elsewhere it says what is missing, and fails only when
# CI=true.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

has() { command -v "$1" >/dev/null 2>&1; }
has_postgres() {
  if has initdb; then return 0; fi
  for file in /usr/lib/postgresql/*/bin/initdb; do [ -x "$file" ] && return 0; done
  return 1
}

missing() {
  packages=""
  has_postgres || packages="$packages postgresql"
  has redis-server || has valkey-server || packages="$packages redis-server"
  has java || packages="$packages default-jre-headless"
  cmp -s test/harness/kafka/pom.xml "$ALERTCAST_CACHE/kafka/4.2.0/pom.xml" || has mvn || packages="$packages maven"
  # Only the tests of dashboards and alerts are skipped without it.
  { has prometheus && has promtool; } || packages="$packages prometheus"
  echo "${packages# }"
}

packages=$(missing)
if [ -n "$packages" ] && [ "$(id -u)" = 0 ] && has apt-get; then
  echo "alertcast: installing $packages" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 </dev/null
  # shellcheck disable=SC2086 # one word a package
  apt-get install -y -qq --no-install-recommends $packages >&2 </dev/null
  packages=$(missing)
fi
case "$packages" in
  "" | prometheus) scripts/setup-kafka.sh ;;
esac
if [ -z "$packages" ]; then exit 0; fi

echo "alertcast: MISSING for the tests with real services (Debian's names): $packages" >&2
if [ "${CI:-}" = true ]; then exit 1; fi
echo "alertcast: install them to run those tests; without them they are skipped" >&2
