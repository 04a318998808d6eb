package destination

import (
	"go.opentelemetry.io/collector/pipeline"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Destination is one table. It is comparable: two destinations are the same table exactly if they are equal.
type Destination struct {
	Signal unity.Signal
	Layout unity.Layout
	// Table is where the rows go; the value of the table header.
	Table unity.Name
	// Location is the set of tables that Table belongs to, as trace ids name it. It is the zero value when a table was named in full and its name is none that Databricks
	// gives; then trace ids keep the form of their source.
	Location unity.Location
	// Experiment is the id of the destination's experiment when the route tells it; empty otherwise.
	Experiment string
}

// String is the table's name, as reports, metrics and log lines show it.
func (d Destination) String() string { return d.Table.String() }

// Pipeline is the signal as the collector spells it.
func (d Destination) Pipeline() pipeline.Signal {
	switch d.Signal {
	case unity.Logs:
		return pipeline.SignalLogs
	case unity.Metrics:
		return pipeline.SignalMetrics
	default:
		return pipeline.SignalTraces
	}
}
