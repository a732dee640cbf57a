#!/bin/sh
# Makes sure there is a Node that runs TypeScript by itself (24 or newer): the machine's own, or one fetched once into .tools/.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
wanted=24.21.0

enough() { node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' 2>/dev/null; }

if enough; then exit 0; fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "alertcast: install Node.js 24 or newer (with npm), then run this again" >&2
  exit 1
fi
package=$(node -p 'const p = process.platform; `node-${p === "win32" ? "win" : p}-${process.arch}`')
echo "alertcast: Node $(node -v) is too old; fetching Node $wanted into .tools/ (once, about 190 MB on disk)" >&2
npm install --prefix .tools --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "$package@$wanted" >&2 </dev/null
. scripts/env.sh
if ! enough; then
  echo "alertcast: the fetched Node does not run here ($package@$wanted); install Node.js 24 or newer" >&2
  exit 1
fi
