#!/bin/sh
# Removes the row that mdatagen writes into README.md for a component in no distribution of the community. Called by go
# generate in the folder of a component, after mdatagen.
set -eu
sed '/^| Distributions | \[\] |$/d' README.md >README.md.new
mv README.md.new README.md
