# Sourced from the top folder: puts the project's Node (if one was fetched) and the tools of node_modules first on PATH.
for bin in "$PWD"/.tools/node_modules/node-*/bin "$PWD"/node_modules/.bin; do
  if [ -d "$bin" ]; then PATH="$bin:$PATH"; fi
done
unset bin
export PATH
ALERTCAST_CACHE="${ALERTCAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/alertcast}"
export ALERTCAST_CACHE
