// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import "context"

// Grant is a permission that reading a database takes, and whether its user has it.
type Grant struct {
	// Statement is the SQL with which an administrator gives the permission.
	Statement string `json:"statement"`
	// Table is the table that it concerns; empty for the schema that holds the tables.
	Table string     `json:"table,omitempty"`
	State GrantState `json:"state"`
}

// GrantState says whether a user has a permission.
type GrantState string

// The states.
const (
	GrantGiven   GrantState = "granted"
	GrantMissing GrantState = "missing"
	// GrantNoTable: the store is of an MLflow version that has no such table, so nothing is needed yet.
	GrantNoTable GrantState = "no_table"
)

// Grantor is a Source over a database server.
type Grantor interface {
	// Grants returns the permissions that reading takes, the ones that the user has included. It asks the catalog of
	// the server and works whatever is missing.
	Grants(context.Context) ([]Grant, error)
}
