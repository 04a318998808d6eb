#!/bin/sh
# Builds the release: for each target an archive and an SBOM, and the checksums of all of them, in build/release.
#
#   release.sh                              linux, darwin and windows on amd64 and arm64
#   release.sh linux/amd64 windows/arm64    these targets
#   RELEASE=build/again release.sh …        into another folder
#
# The same commit gives the same archives, byte by byte, with the same version of Go: no date, no path and no name of
# a machine is in them. It needs GNU tar.
set -eu
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOAMD64=v1 GOARM64=v8.0 TZ=UTC LC_ALL=C
umask 022
out=${RELEASE:-build/release}
root=$(pwd)
[ $# -gt 0 ] || set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

version=$(sed -n 's/^  version: //p' builder-config.yaml)
collector=$(sed -n 's/^  description: OpenTelemetry Collector v\([0-9.]*\) .*/\1/p' builder-config.yaml)
commit=$(git rev-parse --short=12 HEAD)
[ -z "$(git status --porcelain)" ] || commit=$commit.changed

# The builder writes the sources, with a version that names the commit and the collector; go build compiles them for
# each target.
rm -rf "$out"
mkdir -p "$out"
sed -e "s|^  version: .*|  version: $version+$commit.collector.$collector|" \
  -e "s|^  output_path: .*|  output_path: ./$out/src|" builder-config.yaml >"$out/builder-config.yaml"
go tool builder --config "$out/builder-config.yaml" --skip-compilation

for target in "$@"; do
  os=${target%/*} arch=${target#*/} binary=otelcol-mlflow
  [ "$os" != windows ] || binary=otelcol-mlflow.exe
  name=otelcol-mlflow_${version}_${os}_${arch}
  folder=$out/$name
  echo "$name"
  mkdir -p "$folder/testdata/sample"
  GOOS=$os GOARCH=$arch go build -C "$out/src" -trimpath -ldflags='-s -w -buildid=' -o "$root/$folder/$binary" .
  cp LICENSE NOTICE README.md "$folder"
  cp -R config "$folder/config"
  rm "$folder"/config/kafka-*.yaml # of another distribution
  cp testdata/sample/mlflow.db "$folder/testdata/sample"
  GOOS=$os GOARCH=$arch go list -C "$out/src" -deps -f '{{with .Module}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}' . |
    sort -u >"$out/modules"
  scripts/licenses.sh "$folder/$binary" "$out/modules" "$folder/LICENSES"
  go tool -modfile=tools/cyclonedx-gomod/go.mod cyclonedx-gomod bin -json -noserial -notimestamp \
    -version "v$version" -output "$out/$name.cdx.json" "$folder/$binary"
  find "$folder" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  chmod 755 "$folder/$binary"
  tar -C "$out" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "$name" |
    gzip -9n >"$out/$name.tar.gz"
done
cd "$out"
sha256sum ./*.tar.gz ./*.cdx.json | sed 's|\./||' >checksums.txt
cat checksums.txt
