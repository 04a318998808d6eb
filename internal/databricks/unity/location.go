// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package unity

import "fmt"

// Signal is one of the three kinds of OpenTelemetry data, or annotations.
type Signal string

// The signals, spelled as in table names. Only MLflow's own API writes annotations, and layout v1 has
// no table of them.
const (
	SignalSpans       Signal = "spans"
	SignalLogs        Signal = "logs"
	SignalMetrics     Signal = "metrics"
	SignalAnnotations Signal = "annotations"
)

// Signals are those that a layout has tables of.
func Signals(layout Layout) []Signal {
	list := []Signal{SignalSpans, SignalLogs, SignalMetrics}
	if layout == LayoutV2 {
		list = append(list, SignalAnnotations)
	}
	return list
}

// Layout is a generation of the tables (property otel.schemaVersion).
type Layout string

// The layouts. V2 keeps attributes in VARIANT columns and has a prefix; V1 has MAP columns and
// fixed names.
const (
	LayoutV2 Layout = "v2"
	LayoutV1 Layout = "v1"
)

// Location is a set of OpenTelemetry tables:
// catalog.schema.<prefix>_otel_{spans,logs,metrics,annotations}.
type Location struct {
	Catalog, Schema, Prefix string
}

// String is the location as trace ids name it: trace:/<location>/<hex>. A legacy location has no
// prefix.
func (l Location) String() string {
	if l.Prefix == "" {
		return l.Catalog + "." + l.Schema
	}
	return l.Catalog + "." + l.Schema + "." + l.Prefix
}

// Table names the table of a signal. The prefix plays no part in layout v1.
func (l Location) Table(s Signal, layout Layout) Name {
	if layout == LayoutV1 {
		return Name{l.Catalog, l.Schema, "mlflow_experiment_trace_otel_" + string(s)}
	}
	return Name{l.Catalog, l.Schema, l.Prefix + "_otel_" + string(s)}
}

// Validate checks the three names. It does not ask Databricks.
func (l Location) Validate(layout Layout) error {
	if err := CheckIdentifier(l.Catalog); err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	if err := CheckIdentifier(l.Schema); err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	if layout == LayoutV1 {
		return nil
	}
	if err := CheckPrefix(l.Prefix); err != nil {
		return fmt.Errorf("table_prefix: %w", err)
	}
	return nil
}
