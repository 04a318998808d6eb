#!/bin/sh
# Fails when a nested Go module is not tidy, does not build, or does not pass go vet. The root module has its own steps.
set -eu
status=0
for mod in $(git ls-files --cached --others --exclude-standard -- '*/go.mod'); do
  dir=$(dirname "$mod")
  go -C "$dir" mod tidy -diff || { echo "$mod is not tidy: run go -C $dir mod tidy"; status=1; }
  case $dir in tools/*) continue ;; esac # no packages of their own
  go -C "$dir" build -o /dev/null ./... || { echo "$dir does not build"; status=1; }
  go -C "$dir" vet ./... || { echo "go vet fails in $dir"; status=1; }
done
exit $status
