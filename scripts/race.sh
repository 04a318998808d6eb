#!/bin/sh
# Runs the tests of the packages that start goroutines under the race detector.
set -eu
packages="./internal/mlflow/... ./internal/progress ./internal/finish ./internal/databricks/... ./receiver/... ./processor/genaiprocessor ./exporter/... ./extension/..."
if ! command -v "${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
  if [ -n "${CI:-}" ]; then
    echo "CI has no C compiler: the race detector needs one"
    exit 1
  fi
  echo "NOT RUN: the race detector needs a C compiler and none was found"
  exit 0
fi
# shellcheck disable=SC2086
CGO_ENABLED=1 exec go test -race $packages
