#!/bin/bash
# `promtool check healthy` is younger than Debian's Prometheus.
if [ "${1:-} ${2:-}" != "check healthy" ]; then exec /usr/bin/promtool "$@"; fi
exec 3<>/dev/tcp/localhost/9090
printf 'GET /-/healthy HTTP/1.0\r\n\r\n' >&3
head -n 1 <&3 | grep -q ' 200 '
