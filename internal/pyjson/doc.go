// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package pyjson reads and writes JSON text as Python's json module does: NaN, Infinity and
// -Infinity are numbers, integers have any size, the order of keys is kept, and what is written
// equals json.dumps(value, ensure_ascii=False) to the last byte. It builds no value trees.
package pyjson
