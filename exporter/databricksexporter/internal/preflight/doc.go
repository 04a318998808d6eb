// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package preflight looks, before data is sent, whether the workspace will store it: sign-in,
// catalog, schema, table, its layout and columns, the grants of the principal that writes, and the
// experiment that shows the traces. The ingest endpoint is known to answer 200 and to store nothing
// when one of these is missing.
//
// It only reads, and needs no warehouse. What the workspace says is collected as facts, each of
// them known or not; a pure function judges the facts. Only what is known to be wrong is a fault: a
// workspace that can't be reached, and permissions that may not be looked at, are not.
package preflight
