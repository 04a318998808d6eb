// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiprocessor refines GenAI spans: it counts tokens, makes columns of assessments,
// prices calls and applies a content policy.
package genaiprocessor

//go:generate go tool mdatagen metadata.yaml
