// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e holds the end-to-end tests: the built distribution against real MLflow servers, which
// the tests install and start by themselves.
package e2e
