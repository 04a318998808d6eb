// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package preflight checks, before data is sent to a table, whether the workspace will store it.
// The ingest endpoint is known to answer 200 and to store nothing when a table, a column or a grant
// is missing.
//
// It takes a destination, reads what the workspace tells about it, and returns findings, each with
// a remedy. It reads sign-in, catalog, schema, table, its layout and columns, the grants of the
// principal that writes, and the experiment that shows the traces.
//
// It sends only requests that read, and needs no SQL warehouse. The answers are collected as facts,
// each of them known or not, and a pure function evaluates the facts. Only what is known to be
// wrong is a fault. A workspace that cannot be reached and permissions that may not be read are no
// faults.
package preflight
