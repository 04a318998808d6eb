// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"

// Destination is one table. It is comparable: two destinations are the same table exactly if they
// are equal. Its JSON form is part of what Stored keeps, so fields keep their names.
type Destination struct {
	Signal unity.Signal
	Layout unity.Layout
	// Table is where the rows go; the value of the table header.
	Table unity.Name
	// Location is the set of tables that Table belongs to, as trace ids name it. It is the zero
	// value when a table was named in full and its name is none that Databricks gives; then trace
	// ids keep the form of their source.
	Location unity.Location
	// Experiment is the id of the destination's experiment when the route tells it; empty
	// otherwise.
	Experiment string
}

// String is the table's name, as reports, metrics and log lines show it.
func (d Destination) String() string { return d.Table.String() }

// Target is where a rule leads: a table, or an experiment of the workspace that names it. Exactly
// one of the fields is set. Its JSON form is what Stored keeps.
type Target struct {
	Table Destination `json:"table"`
	// Experiment is an id or a name; names are paths and begin with a slash.
	Experiment string `json:"experiment,omitempty"`
}

// Key names a target, the same from start to start.
func (t Target) Key() string {
	if t.Experiment != "" {
		return "experiment:" + t.Experiment
	}
	return t.Table.String()
}
