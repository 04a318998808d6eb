// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databricks is a client of the APIs of one workspace that exporter, preflight,
// verification and setup need. It reads the identity of the caller, objects and grants in Unity
// Catalog, experiments, quality monitors, and the results of SQL statements. It also creates
// experiments and monitors, and adds grants. It reads no spans. Every error is an *Error, which
// holds the kind of the failure. Nothing is retried here, since callers differ in how long they
// wait.
package databricks
