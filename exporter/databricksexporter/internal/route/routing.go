// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Routing is the part of the exporter's configuration that says where data goes.
type Routing struct {
	// Catalog, Schema and TablePrefix name the tables of what no route concerns:
	// catalog.schema.<prefix>_otel_{spans,logs,metrics}.
	Catalog     string `mapstructure:"catalog"`
	Schema      string `mapstructure:"schema"`
	TablePrefix string `mapstructure:"table_prefix"`
	// Tables names them in full instead.
	Tables TableNames `mapstructure:"tables"`
	// Layout is the generation of the tables, v2 or v1.
	Layout unity.Layout `mapstructure:"layout"`
	// Routes send data to other tables, by resource. The first that matches counts.
	Routes []Route `mapstructure:"routes"`
	// OnNoRoute is what happens to data that no route matches.
	OnNoRoute OnNoRoute `mapstructure:"on_no_route"`
}

// TableNames names tables in full: catalog.schema.table.
type TableNames struct {
	Traces  string `mapstructure:"traces"`
	Logs    string `mapstructure:"logs"`
	Metrics string `mapstructure:"metrics"`
}

// of returns the name of a signal's table, and the key that it is written at.
func (t *TableNames) of(s unity.Signal) (key, name string) {
	switch s {
	case unity.SignalLogs:
		return "tables::logs", t.Logs
	case unity.SignalMetrics:
		return "tables::metrics", t.Metrics
	default:
		return "tables::traces", t.Traces
	}
}

// Route sends the data of some resources to tables. All conditions that are written must hold.
type Route struct {
	// Experiment matches the name of the source's experiment; ExperimentID is its id.
	Experiment   string `mapstructure:"experiment"`
	ExperimentID string `mapstructure:"experiment_id"`
	// Attribute names a resource attribute, and Value matches its text.
	Attribute string `mapstructure:"attribute"`
	Value     string `mapstructure:"value"`

	// Catalog and Schema are those of the exporter when they are empty.
	Catalog     string `mapstructure:"catalog"`
	Schema      string `mapstructure:"schema"`
	TablePrefix string `mapstructure:"table_prefix"`
	// FromExperimentTags is an experiment of the workspace, id or name, whose tags name the tables.
	FromExperimentTags string `mapstructure:"from_experiment_tags"`
}

// OnNoRoute says what happens to data that no route matches.
type OnNoRoute string

const (
	// OnNoRouteReject refuses the data.
	OnNoRouteReject OnNoRoute = "reject"
	// OnNoRouteDefault sends it to the tables that Routing names besides its routes.
	OnNoRouteDefault OnNoRoute = "default"
)

var signals = []unity.Signal{unity.SignalSpans, unity.SignalLogs, unity.SignalMetrics}

// Check returns what is wrong, naming the key, and otherwise the number of destinations of a
// signal. It is not called Validate, because the collector would call that too, and name a group
// that users don't write.
func (r *Routing) Check() (destinations int, err error) {
	switch r.Layout {
	case unity.LayoutV2, unity.LayoutV1:
	default:
		return 0, fmt.Errorf("layout: %q is not one of v2, v1", r.Layout)
	}
	var errs []error
	switch r.OnNoRoute {
	case OnNoRouteReject, OnNoRouteDefault:
	default:
		errs = append(errs, fmt.Errorf("on_no_route: %q is not one of reject, default", r.OnNoRoute))
	}
	for _, s := range signals {
		if key, name := r.Tables.of(s); name != "" {
			if _, err := unity.ParseName(name); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", key, err))
			}
		}
	}
	if len(errs) > 0 {
		return 0, errors.Join(errs...)
	}
	p, err := r.Plan(r.anySignal())
	if err != nil {
		return 0, err
	}
	return len(p.Targets), nil
}

// anySignal is one whose default table is named, so that a configuration for logs only can be
// checked too.
func (r *Routing) anySignal() unity.Signal {
	if r.Catalog == "" && r.Schema == "" && r.TablePrefix == "" {
		for _, s := range signals {
			if _, name := r.Tables.of(s); name != "" {
				return s
			}
		}
	}
	return unity.SignalSpans
}
