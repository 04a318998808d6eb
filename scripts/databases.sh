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
# shellcheck disable=SC2086 # a list
exec "$(dirname "$0")/packages.sh" $missing
