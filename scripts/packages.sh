#!/bin/sh
# Installs packages of Debian or Ubuntu, without those that they only recommend.
#
#   packages.sh PACKAGE…
set -eu
command -v apt-get >/dev/null || {
  echo "install $*; this system has no apt-get" >&2
  exit 1
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
as_root apt-get install -qq -y --no-install-recommends "$@" >/dev/null
