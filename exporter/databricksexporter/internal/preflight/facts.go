// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"

// Fact is one thing that the workspace was asked. It is known when it was asked and no error came.
type Fact[T any] struct {
	Asked bool
	Value T
	Err   error
}

// Known reports whether Value is what the workspace said.
func (f Fact[T]) Known() bool { return f.Asked && f.Err == nil }

// Kind is the kind of trouble in which the question ended; empty when the fact is known or was not
// asked.
func (f Fact[T]) Kind() databricks.Kind { return databricks.KindOf(f.Err) }

// Facts are what is known about one destination. What a missing fact before it makes pointless is
// not asked.
type Facts struct {
	Me         Fact[databricks.Principal]
	Catalog    Fact[databricks.Catalog] // asked when the table or a grant is missing
	Schema     Fact[databricks.Schema]  // the same
	Table      Fact[databricks.Table]
	Grants     Fact[Privileges]
	Experiment Fact[databricks.Experiment] // asked when the route names one
	Metastore  Fact[databricks.Metastore]  // asked after the ingest endpoint refused

	// Refused: the ingest endpoint answered 403 or 404 although nothing was known to be wrong.
	Refused bool
}

// Privileges are those that the writing principal has on a table and on what holds it, by name or
// through a group.
type Privileges struct {
	// Table maps privileges on the table, from the schema and the catalog too, to the principal
	// that they were given to: the writer or a group.
	Table map[string]string
	// Schema and Catalog are the same for these; nil where they did not need to be asked.
	Schema, Catalog map[string]string
	// Unread says which groups' privileges could not be checked; what is missing may come through
	// one of them.
	Unread []string
}

// everybody is the group of all principals of the account. No principal lists it among its groups.
const everybody = "account users"
