#!/bin/sh
# Runs the linters of .golangci.yml on the modules that have Go code to keep, and actionlint on the workflows. The
# versions of both tools are in tools/; the go command builds them once and keeps them in its cache.
set -eu
root=$(pwd)
status=0
for dir in . extension/mlflowverifyextension deploy/kubernetes test bench; do
  (cd "$dir" && go tool -modfile="$root/tools/golangci-lint/go.mod" golangci-lint run ./...) || status=1
done
# Without shellcheck and pyflakes: what is installed on a machine must not decide.
go tool -modfile=tools/actionlint/go.mod actionlint -shellcheck= -pyflakes= || status=1
exit $status
