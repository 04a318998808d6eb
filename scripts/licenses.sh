#!/bin/sh
# Copies the licences of all modules that are linked into a binary, and that of Go.
#
#   licenses.sh BINARY MODULES FOLDER
#
# MODULES has a line for each module that can be linked: path@version and its folder. It fails for a module without a
# licence.
set -eu
binary=$1 modules=$2 folder=$3
mkdir -p "$folder/go"
cp "$(go env GOROOT)/LICENSE" "$folder/go"
status=0
for module in $(go version -m "$binary" | awk '$1 == "dep" { print $2 "@" $3 }'); do
  case $module in github.com/otelcol-mlflow/*) continue ;; esac # the licence of the whole
  dir=$(awk -v module="$module" '$1 == module { print $2 }' "$modules")
  found=
  for file in "$dir"/LICEN[CS]E* "$dir"/COPYING* "$dir"/NOTICE* "$dir"/PATENTS*; do
    [ -f "$file" ] || continue
    mkdir -p "$folder/$module"
    cp "$file" "$folder/$module"
    case ${file##*/} in LICEN* | COPYING*) found=yes ;; esac
  done
  [ -n "$found" ] || { echo "no licence in $module ($dir)" >&2; status=1; }
done
exit $status
