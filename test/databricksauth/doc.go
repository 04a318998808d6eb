// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricksauth runs the built distribution against a fake Databricks workspace: the
// configurations that are shipped, as they are shipped, and the ways in which signing in goes
// wrong.
package databricksauth
