#!/bin/sh
# Installs the npm packages, only when package-lock.json differs from the one that was installed last.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.installed-package-lock.json

if cmp -s package-lock.json "$stamp"; then exit 0; fi
echo "alertcast: installing npm packages" >&2
# npm looks for the machine's settings (registry, certificates) beside the Node that runs it. It shall run on the
# project's Node, which decides what fits, and yet find the settings of the machine's own.
settings=$(npm config get globalconfig)
. scripts/env.sh
NPM_CONFIG_GLOBALCONFIG="$settings" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null
cp package-lock.json "$stamp"
