// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package genaiprocessor

// shrunk is by how much hostile texts are shorter than the most that is counted.
const shrunk = 1
