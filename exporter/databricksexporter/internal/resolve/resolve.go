// Package resolve finds the table that data goes to: written down, or told by the tags of an experiment of the workspace.
package resolve

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Target is where data is to go. Its methods may be called at the same time.
type Target interface {
	// Resolve returns the table. An error is a *Fault, or the context's.
	Resolve(ctx context.Context) (destination.Destination, error)
	// Doubt says that the workspace does not know the table (any more): it is looked up again when there is something to look up.
	Doubt()
}

// Fault is why a table can't be told.
type Fault struct {
	Message string
	// Passes reports that it may pass by itself.
	Passes bool
}

// Error implements error.
func (f *Fault) Error() string { return f.Message }

// Fixed is a table that is known.
type Fixed destination.Destination

// Resolve implements Target.
func (f Fixed) Resolve(context.Context) (destination.Destination, error) {
	return destination.Destination(f), nil
}

// Doubt implements Target.
func (Fixed) Doubt() {}

// Experiment is an experiment of the workspace whose tags name the tables.
type Experiment struct {
	// ID or name; names are paths and begin with a slash.
	Experiment string
	Signal     unity.Signal
	// Client asks the workspace. It is set before the first call of Resolve.
	Client *databricks.Client
	// Again is how long a fault is remembered, so that many requests don't ask at once.
	Again time.Duration

	mu    sync.Mutex
	known bool
	found destination.Destination
	fault *Fault
	until time.Time
}

// Resolve implements Target.
func (e *Experiment) Resolve(ctx context.Context) (destination.Destination, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known {
		return e.found, nil
	}
	if e.fault != nil && time.Now().Before(e.until) {
		return destination.Destination{}, e.fault
	}
	x, err := e.read(ctx)
	if err == nil {
		e.found, e.fault = tables(x, e.Signal)
	} else {
		e.fault = e.explain(err)
	}
	if ctx.Err() != nil && err != nil {
		e.fault = nil
		return destination.Destination{}, ctx.Err()
	}
	if e.fault != nil {
		e.until = time.Now().Add(e.Again)
		return destination.Destination{}, e.fault
	}
	e.known = true
	return e.found, nil
}

// Doubt implements Target.
func (e *Experiment) Doubt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.known = false
}

func (e *Experiment) read(ctx context.Context) (databricks.Experiment, error) {
	if _, err := strconv.ParseUint(e.Experiment, 10, 64); err == nil {
		return e.Client.Experiment(ctx, e.Experiment)
	}
	return e.Client.ExperimentByName(ctx, e.Experiment)
}

func (e *Experiment) explain(err error) *Fault {
	switch databricks.KindOf(err) {
	case databricks.NotFound:
		return &Fault{Message: fmt.Sprintf("experiment %s is not there, or the principal may not see it: create it with a trace location in Unity Catalog, "+
			"or give CAN READ on it, or correct from_experiment_tags", e.Experiment)}
	case databricks.Denied:
		return &Fault{Message: fmt.Sprintf("no permission to read experiment %s: give the principal CAN READ on it", e.Experiment)}
	}
	return &Fault{Message: err.Error(), Passes: databricks.Passes(err)}
}

// tables reads the tables out of an experiment.
func tables(x databricks.Experiment, s unity.Signal) (destination.Destination, *Fault) {
	spans, ok := x.SpansTable()
	if !ok {
		return destination.Destination{}, &Fault{Message: fmt.Sprintf("experiment %s (%s) has no trace location in Unity Catalog: create an experiment with one, "+
			"an existing experiment is linked by MLflow's set_experiment(trace_location=UnityCatalog(…))", x.Name, x.ID)}
	}
	d := destination.Destination{Signal: s, Layout: unity.V2, Table: spans, Experiment: x.ID}
	d.Location, d.Layout = Locate(spans, unity.Spans)
	if s == unity.Logs {
		if n, err := unity.ParseName(x.Tags[databricks.TagLogs]); err == nil {
			d.Table = n
			return d, nil
		}
	}
	if s != unity.Spans {
		if d.Location.Catalog == "" {
			return destination.Destination{}, &Fault{Message: fmt.Sprintf("experiment %s (%s) does not tell the table of %s: its tags name %s only", x.Name, x.ID, s, spans)}
		}
		d.Table = d.Location.Table(s, d.Layout)
	}
	return d, nil
}

// Locate tells the location and layout that a table belongs to by its name; the zero location when the name is none that Databricks gives.
func Locate(n unity.Name, s unity.Signal) (unity.Location, unity.Layout) {
	l := unity.Location{Catalog: n.Catalog, Schema: n.Schema}
	if n == l.Table(s, unity.V1) {
		return l, unity.V1
	}
	if prefix, ok := strings.CutSuffix(n.Table, "_otel_"+string(s)); ok && prefix != "" {
		l.Prefix = prefix
		return l, unity.V2
	}
	return unity.Location{}, unity.V2
}
