#!/bin/sh
# Puts the jars of the tests' Kafka broker into the user's cache, once per content of the pom.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
pom=test/harness/kafka/pom.xml
target="$ALERTCAST_CACHE/kafka/4.2.0"

if cmp -s "$pom" "$target/pom.xml"; then exit 0; fi
echo "alertcast: fetching the Kafka broker for the tests (once)" >&2
mkdir -p "$ALERTCAST_CACHE/kafka"
partial=$(mktemp -d "$ALERTCAST_CACHE/kafka/partial.XXXXXX")
trap 'rm -rf "$partial"' EXIT
mvn -q -B -Dstyle.color=never -f "$pom" dependency:copy-dependencies -DoutputDirectory="$partial/libs" >&2 </dev/null
cp "$pom" "$partial/pom.xml"
# A rename shows either no jars or all of them, also when two set-ups run at once.
rm -rf "$target"
mv "$partial" "$target"
