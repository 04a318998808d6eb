// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// forbidden is the sentence for a missing grant, with the statement that gives it.
func forbidden(q request, e document) string {
	t := q.destination.Table
	who := unity.Quote(q.principal)
	if q.principal == "" {
		who = "`<the principal that signs in>`"
	}
	catalog := fmt.Sprintf("GRANT USE CATALOG ON CATALOG %s TO %s", unity.Quote(t.Catalog), who)
	schema := fmt.Sprintf("GRANT USE SCHEMA ON SCHEMA %s.%s TO %s", unity.Quote(t.Catalog), unity.Quote(t.Schema), who)
	table := fmt.Sprintf("GRANT MODIFY, SELECT ON TABLE %s TO %s", t.Quoted(), who)
	switch e.privilege() {
	case "USE CATALOG":
		return fmt.Sprintf("no permission to use catalog %s: %s", t.Catalog, catalog)
	case "USE SCHEMA":
		return fmt.Sprintf("no permission to use schema %s.%s: %s", t.Catalog, t.Schema, schema)
	case "MODIFY", "SELECT":
		return fmt.Sprintf("no permission to write to table %s: %s (ALL PRIVILEGES is not enough)", t, table)
	}
	if e.Edge && e.Message != "" {
		return "the workspace does not let the sender in (status 403)" + e.excerpt()
	}
	return fmt.Sprintf(
		"no permission to write to table %s (status 403): %s; %s; %s (ALL PRIVILEGES is not enough)%s",
		t,
		table,
		schema,
		catalog,
		e.excerpt(),
	)
}

func missing(q request, e document) string {
	t := q.destination.Table
	switch e.missing() {
	case "catalog":
		return fmt.Sprintf("catalog %s does not exist: create it, or correct catalog", t.Catalog)
	case "schema":
		return fmt.Sprintf(
			"schema %s.%s does not exist: CREATE SCHEMA %s.%s, or correct schema",
			t.Catalog,
			t.Schema,
			unity.Quote(t.Catalog),
			unity.Quote(t.Schema),
		)
	}
	return fmt.Sprintf(
		"table %s does not exist: create the trace location that it belongs to (an experiment with a trace location "+
			"in Unity Catalog), or correct table_prefix",
		t,
	)
}

func unauthenticated(status int, e document) string {
	if strings.Contains(e.Message, "Credential was not sent") || strings.Contains(e.Message, "unsupported type") {
		return fmt.Sprintf("the workspace does not take this kind of credential (status %d): personal access tokens "+
			"are not allowed for this route in all places, "+
			"use a service principal with OAuth (auth: {auth_type: oauth-m2m, client_id: …, client_secret: …})",
			status)
	}
	return fmt.Sprintf("sign-in: the workspace does not take the token (status %d)%s", status, e.excerpt())
}

// typeOf is the type of a column that the table should have; empty for one that is not documented.
func typeOf(q request, column string) string {
	for _, c := range unity.Columns(q.destination.Signal, q.destination.Layout) {
		if c.Name == column {
			return c.Type
		}
	}
	return ""
}

// missingColumns is the sentence for a table that lacks columns.
func missingColumns(q request, columns []string) string {
	t := q.destination.Table
	subject := fmt.Sprintf("column %s is missing in table %s", columns[0], t)
	if len(columns) > 1 {
		subject = fmt.Sprintf("columns %s are missing in table %s", strings.Join(columns, ", "), t)
	}
	var add, other []string
	for _, c := range columns {
		if kind := typeOf(q, c); kind != "" {
			add = append(add, c+" "+kind)
		} else {
			other = append(other, c)
		}
	}
	switch {
	case len(add) == 0:
		return subject + ": give the table the columns of Databricks' OpenTelemetry table reference"
	case len(other) > 0:
		subject += fmt.Sprintf(" (for %s see Databricks' OpenTelemetry table reference)", strings.Join(other, ", "))
	}
	if len(add) == 1 {
		return fmt.Sprintf("%s: ALTER TABLE %s ADD COLUMN %s", subject, t.Quoted(), add[0])
	}
	return fmt.Sprintf("%s: ALTER TABLE %s ADD COLUMNS (%s)", subject, t.Quoted(), strings.Join(add, ", "))
}
