#!/bin/sh
# Fails when generated files are not what their sources generate, or go.mod is not tidy. It works on
# a copy, so the checkout stays as it is.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard >"$copy.list"
tar --null -T "$copy.list" -cf - | tar -xf - -C "$copy"
rm -f "$copy.list"
(cd "$copy" && go generate ./... && go mod tidy && go -C extension/mlflowverifyextension generate ./...)
stale=$(git ls-files --cached --others --exclude-standard | while IFS= read -r f; do
  cmp -s "$f" "$copy/$f" || echo "  $f"
done)
if [ -n "$stale" ]; then
  echo "stale, run make generate:"
  echo "$stale"
  exit 1
fi
