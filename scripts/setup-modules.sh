#!/bin/sh
# Installs the npm packages, only when package-lock.json differs from the one that was installed last.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
stamp=node_modules/.installed-package-lock.json

if cmp -s package-lock.json "$stamp"; then exit 0; fi
echo "alertcast: installing npm packages" >&2
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null
cp package-lock.json "$stamp"
