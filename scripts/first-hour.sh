#!/usr/bin/env bash
# Goes the ways of a newcomer on a machine without caches, and prints how long each took: a clean clone, empty caches of
# Go modules and builds, no Python environment. It needs Go, make, GNU tar and a Python as test/py/env.sh wants it, and
# downloads more than a gigabyte.
#
#   scripts/first-hour.sh
#
# The times of the later ways hold no work that an earlier one did: the first builds the distribution, the second
# installs MLflow.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
export GOMODCACHE=$work/modules GOCACHE=$work/builds OTELCOL_MLFLOW_CACHE=$work/cache CI=true
# Modules are written without permission to remove them.
trap 'go clean -modcache; rm -rf "$work"' EXIT
git clone -q "$root" "$work/checkout"
cd "$work/checkout"

failed=0
# way runs a command and prints its seconds; of its output only where it fails.
way() {
  local name=$1 began=$SECONDS end=
  shift
  "$@" >"$work/log" 2>&1 || end=', FAILED' failed=1
  printf '%-64s %5d s%s\n' "$name" "$((SECONDS - began))" "$end"
  [ -z "$end" ] || tail -n 30 "$work/log"
}

# downloaded unpacks the archive and runs it as docs/how-to/release.md does, where no Go is.
downloaded() {
  mkdir "$work/unpacked"
  tar -C "$work/unpacked" --strip-components=1 -xzf build/release/*.tar.gz
  cd "$work/unpacked"
  env -i PATH=/usr/bin:/bin ./otelcol-mlflow --config config/quickstart.yaml --config config/prices-example.yaml
}

way 'sample store: make run' make run
way 'sample store: make run FRESH=1, built' make run FRESH=1
way 'what the tests below want besides' make minimal kafka
way 'own server with basic auth, MLflow installed for it' go test -C test -count=1 -run 'TestMakeRunCredentials$' ./e2e
way 'sidecar' go test -C test -count=1 -run 'TestHowToSidecar$' ./e2e
way 'copy to another MLflow' go test -C test -count=1 -run 'TestHowToMLflow$' ./e2e
way 'custom build' go test -C test -count=1 -timeout 40m -run 'TestBuild$' ./foreign -args -empty-module-cache
way 'archive: make release TARGETS=' make release "TARGETS=$(go env GOOS)/$(go env GOARCH)"
way 'downloaded binary: the sample store, without Go' downloaded
exit "$failed"
