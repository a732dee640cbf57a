#!/bin/sh
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
if [ ! -f "$data/PG_VERSION" ]; then
  install -d -m 700 -o postgres -g postgres "$data"
  file=$(mktemp)
  printf '%s' "$POSTGRES_PASSWORD" >"$file"
  chown postgres "$file"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile="$file" -A scram-sha-256 >/dev/null
  rm "$file"
  echo "host all all all scram-sha-256" >>"$data/pg_hba.conf"
  # Without TCP, as the real image does while it initialises; by the socket only the owner comes in.
  sed -i 's/^local .*/local all all trust/' "$data/pg_hba.conf"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/pg_ctl" -D "$data" -o "-c listen_addresses='' -k /tmp" -w start >/dev/null
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/createdb" -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
  setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/pg_ctl" -D "$data" -m fast -w stop >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D "$data" -c listen_addresses='*' -k /tmp
