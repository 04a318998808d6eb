#!/bin/sh
# Installs Chromium from the packages of a Debian or Ubuntu system, where no browser is installed that the tests of the
# page of the report find.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done
command -v apt-get >/dev/null || {
  echo "chromium.sh: install Chromium; this system has no apt-get" >&2
  exit 1
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
export DEBIAN_FRONTEND=noninteractive
as_root apt-get update -qq
as_root apt-get install -qq -y --no-install-recommends chromium >/dev/null
