// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricks holds tests in which MLflow's own Python client works with the fake Databricks
// workspace.
package databricks
