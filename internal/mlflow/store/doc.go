// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package store is the mlflow.Source that reads traces from the database of an MLflow server, and
// the spans of older traces from its artifact folder. It writes nothing: a server may be writing to
// the same database.
//
// What a query costs the server is kept small on purpose. A reader of an SQLite file in
// rollback-journal mode blocks its writers, so each query is a transaction of its own, reads a
// bounded amount into memory, and has ended before anything is handed on.
package store
