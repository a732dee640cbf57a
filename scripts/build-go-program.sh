#!/bin/sh
# Builds one program of a Go module that `go install` refuses (its go.mod replaces or excludes modules), by a module of our
# own that needs it. build-go-program.sh OUTPUT MODULE VERSION [PACKAGE BELOW MODULE] [LDFLAGS]
set -eu
output=$1 module=$2 version=$3 package=$2${4:+/$4} ldflags=${5:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'module alertcast.dev/build\ngo 1.26\nrequire %s %s\n' "$module" "$version" >go.mod
printf '//go:build tools\n\npackage tools\n\nimport _ "%s"\n' "$package" >tools.go
go mod tidy
mkdir -p "$(dirname "$output")"
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $ldflags" -o "$output.part" "$package"
mv "$output.part" "$output"
