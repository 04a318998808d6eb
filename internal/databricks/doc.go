// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricks asks one workspace the few things that exporter, preflight, verification and
// setup need: who the caller is, what lies in Unity Catalog and who may do what there, experiments,
// and the results of SQL statements. It knows nothing of traces. Every error is an *Error, which
// says what kind of trouble it is; nothing is retried here, since each caller has its own idea of
// how long to wait.
package databricks
