#!/bin/sh
# Installs the database servers that tests and benchmarks start: PostgreSQL, MariaDB and PgBouncer, from the packages of
# Debian or Ubuntu, where they are absent. Nothing is started: tests start servers of their own on loopback.
set -eu

PATH=$PATH:/usr/sbin
missing=
ls /usr/lib/postgresql/*/bin/postgres > /dev/null 2>&1 || missing="$missing postgresql"
command -v mariadbd > /dev/null || missing="$missing mariadb-server"
command -v pgbouncer > /dev/null || missing="$missing pgbouncer"
[ -n "$missing" ] || exit 0
command -v apt-get > /dev/null || {
  echo "databases.sh: install$missing; this system has no apt-get" >&2
  exit 1
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
# shellcheck disable=SC2086 # a list
as_root apt-get install -qq -y --no-install-recommends $missing > /dev/null
