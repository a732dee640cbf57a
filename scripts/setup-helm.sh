#!/bin/sh
# Builds Helm 3 and Helm 4 for the chart's tests from the Go module proxy into the user's cache, once for each version.
# Without Go it says so, and fails only when CI=true: the tests that need Helm are skipped then, loudly.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh

helm_version() {
  case $1 in
    3) echo 3.22.0 ;;
    4) echo 4.3.1 ;;
  esac
}
folder() { echo "$ALERTCAST_CACHE/bin/helm$1"; }
is_there() { [ -x "$(folder "$1")/helm" ] && [ "$(cat "$(folder "$1")/version" 2>/dev/null)" = "$(helm_version "$1")" ]; }

if is_there 3 && is_there 4; then exit 0; fi
if ! command -v go >/dev/null 2>&1; then
  echo "alertcast: MISSING for the tests of the Helm chart: go (to build Helm once)" >&2
  if [ "${CI:-}" = true ]; then exit 1; fi
  echo "alertcast: install it to run those tests; without it they are skipped" >&2
  exit 0
fi

mkdir -p "$ALERTCAST_CACHE/bin"
# One build at a time; a second one waits for the first and finds all done.
exec 9>"$ALERTCAST_CACHE/bin/helm.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
for major in 3 4; do
  if is_there "$major"; then continue; fi
  version=$(helm_version "$major")
  echo "alertcast: building Helm $version for the tests (once)" >&2
  mkdir -p "$(folder "$major")"
  CGO_ENABLED=0 GOBIN="$(folder "$major")" go install -trimpath "helm.sh/helm/v$major/cmd/helm@v$version" >&2 </dev/null
  echo "$version" >"$(folder "$major")/version"
done
