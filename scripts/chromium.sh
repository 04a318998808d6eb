#!/bin/sh
# Installs Chromium from the packages of a Debian or Ubuntu system, where no browser is installed that the tests of the
# page of the report find.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null; then
    exit 0
  fi
done
exec "$(dirname "$0")/packages.sh" chromium
