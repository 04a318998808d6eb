#!/bin/sh
# Takes the pictures of the page of the report that the documentation shows: of out/sample/report.html, which make run
# writes, with Chromium, into docs/pictures/.
set -eu
root=$(pwd)
[ -f out/sample/report.html ] || { echo "There is no out/sample/report.html: run make run first." >&2; exit 1; }
mkdir -p docs/pictures
page=$(mktemp -d)/report.html
trap 'rm -r "$(dirname "$page")"' EXIT
sed "s#$root/##g" out/sample/report.html >"$page" # the path of a checkout says nothing
go test -count=1 -run '^TestPictures$' ./extension/mlflowreportextension/internal/page \
  -args -page "$page" -pictures "$root/docs/pictures"
