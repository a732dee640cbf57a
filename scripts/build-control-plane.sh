#!/bin/sh
# Builds kube-apiserver, kube-controller-manager and etcd from the Go module proxy into the cache, once for each version.
# A build that was cut short goes on where it was: Go keeps each compiled package. `--check` only says whether all is there.
set -eu
cd "$(dirname "$0")/.."
. scripts/env.sh
. test/kube/control-plane/versions.env

bin="$ALERTCAST_CACHE/bin/kubernetes-$KUBERNETES_VERSION"
work="$ALERTCAST_CACHE/build/kubernetes-$KUBERNETES_VERSION"
is_built() { [ -x "$bin/kube-apiserver" ] && [ -x "$bin/kube-controller-manager" ] && [ -x "$bin/etcd" ]; }

if is_built; then exit 0; fi
if [ "${1:-}" = --check ]; then exit 1; fi
if ! command -v go >/dev/null 2>&1; then
  echo "alertcast: MISSING to build the Kubernetes control plane: go" >&2
  exit 1
fi

mkdir -p "$bin" "$work"
# One build at a time; a second one waits for the first and finds all done.
exec 9>"$work/lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
if is_built; then exit 0; fi

export CGO_ENABLED=0
# Unoptimised code compiles sooner; what it costs the tests was not to be seen.
flags='-gcflags=all=-N -l'
if [ ! -x "$bin/etcd" ]; then
  echo "alertcast: building etcd $ETCD_VERSION" >&2
  scripts/build-go-program.sh "$bin/etcd" go.etcd.io/etcd/server/v3 "v$ETCD_VERSION"
fi

echo "alertcast: building the control plane of Kubernetes $KUBERNETES_VERSION (long, when nothing of it is cached)" >&2
mkdir -p "$work/kubernetes"
cd "$work/kubernetes"
printf 'module alertcast.dev/control-plane\ngo 1.26\nrequire k8s.io/kubernetes v%s\n' "$KUBERNETES_VERSION" >go.mod
# k8s.io/kubernetes can be used as a module only with its staging modules replaced by the published ones.
mod=$(go mod download -json "k8s.io/kubernetes@v$KUBERNETES_VERSION" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
for module in $(sed -n 's#^[[:space:]]*\(replace \)\{0,1\}\(k8s\.io/[a-z0-9-]*\) => \./staging.*#\2#p' "$mod" | sort -u); do
  echo "replace $module => $module v0${KUBERNETES_VERSION#1}"
done >>go.mod
version=k8s.io/component-base/version
minor=${KUBERNETES_VERSION#*.}
ldflags="-X $version.gitVersion=v$KUBERNETES_VERSION -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}"
cat >tools.go <<GO
//go:build tools

package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
GO
go mod tidy
mkdir -p out
# In one build, so that packages of both are compiled once.
go build -trimpath "$flags" -ldflags "-s -w $ldflags" -o out/ \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager
mv out/kube-apiserver out/kube-controller-manager "$bin/"
echo "alertcast: the control plane is in $bin" >&2
