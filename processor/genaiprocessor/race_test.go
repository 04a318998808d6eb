// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package genaiprocessor

// shrunk is by how much hostile texts are shorter under the race detector, which makes everything
// ten times slower and finds nothing in one goroutine.
const shrunk = 16
