#!/bin/sh
# What the image's tests need: an engine that runs already, or Debian's (as root), its compose plugin, and a Debian base
# made here where nothing can be pulled. Installs and builds only what is missing; says what it cannot get.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
. test/image/versions.env

has() { command -v "$1" >/dev/null 2>&1; }
if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then exit 0; fi

fail() {
  echo "alertcast: MISSING for the image's tests: $1" >&2
  [ "${CI:-}" != true ] && exit 0
  exit 1
}
[ "$(id -u)" = 0 ] || fail "a Docker engine (or root, to start one)"

missing() {
  packages=""
  for pair in dockerd:docker.io debootstrap:debootstrap; do has "${pair%:*}" || packages="$packages ${pair#*:}"; done
  echo "${packages# }"
}
packages=$(missing)
if [ -n "$packages" ] && has apt-get; then
  echo "alertcast: installing $packages" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 </dev/null
  # shellcheck disable=SC2086 # one word a package
  apt-get install -y -qq --no-install-recommends $packages >&2 </dev/null
  packages=$(missing)
fi
[ -z "$packages" ] || fail "$packages"

compose="$ALERTCAST_CACHE/bin/compose-$COMPOSE_VERSION/docker-compose"
if [ ! -x "$compose" ]; then
  has go || fail "go, to build docker compose"
  echo "alertcast: building docker compose $COMPOSE_VERSION" >&2
  scripts/build-go-program.sh "$compose" "github.com/docker/compose/v2" "v$COMPOSE_VERSION" cmd \
    "-X github.com/docker/compose/v2/internal.Version=v$COMPOSE_VERSION"
fi

base="$ALERTCAST_CACHE/images/debian-bookworm.tar"
if [ ! -f "$base" ]; then
  echo "alertcast: making a Debian base for images" >&2
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \([^ ]*\) .*/\1/p' /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -1)
  # shellcheck disable=SC2086 # no mirror is no argument
  debootstrap --variant=minbase bookworm "$folder/root" $mirror >&2
  rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/*
  mkdir -p "$ALERTCAST_CACHE/images"
  tar -C "$folder/root" -cf "$base.part" .
  mv "$base.part" "$base"
fi
