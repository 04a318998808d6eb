#!/bin/sh
# Fails when the image is not what it must be: no shell and no package manager, a user without rights, and nothing that
# runs at its build. With a Docker daemon and a release of linux/amd64 it builds the image, and runs it with a read-only
# root.
set -eu
status=0
must() { grep -qE "$1" Dockerfile || { echo "Dockerfile: $2"; status=1; }; }
must '^FROM gcr\.io/distroless/static[^ ]*:nonroot$' "the base is distroless/static:nonroot, which has CA certificates"
must '^USER 65532:65532$' "the user has no rights"
must '^ENTRYPOINT \["/opt/otelcol-mlflow/otelcol-mlflow"\]$' "the binary is the entry point"
must '^VOLUME ' "what is written lies in a volume"
if grep -qE '^(RUN|ADD) ' Dockerfile; then echo "Dockerfile: it copies files and runs nothing"; status=1; fi
[ "$(grep -cE '^FROM ' Dockerfile)" = 1 ] || { echo "Dockerfile: there is one stage"; status=1; }
version=$(sed -n 's/^  version: //p' builder-config.yaml)
if docker info >/dev/null 2>&1 && [ -d "build/release/otelcol-mlflow_${version}_linux_amd64" ]; then
  docker build -q --build-arg VERSION="$version" -t otelcol-mlflow-check .
  docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges otelcol-mlflow-check
fi
exit $status
