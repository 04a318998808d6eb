// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package encodings finds the token encoding for a model and counts with it. It is pure, and needs
// no network.
package encodings
