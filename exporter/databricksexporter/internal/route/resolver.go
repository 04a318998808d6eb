// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Fault is why a table can't be told.
type Fault struct {
	Message string
	// Transient reports that it may pass by itself.
	Transient bool
}

// Error implements error.
func (f *Fault) Error() string { return f.Message }

// Resolver finds the table of a target: the one that is written down, or the one that the tags of
// an experiment name. Its methods may be called at the same time.
type Resolver struct {
	Target Target
	Signal unity.Signal
	// Client asks the workspace about experiments.
	Client *databricks.Client
	// RetryInterval is how long a fault is remembered, so that many requests don't ask at once.
	RetryInterval time.Duration
	// Found is called when a table was looked up; it may be nil.
	Found func(Destination)

	mu    sync.Mutex
	valid bool
	found *Destination // stays while it is looked up again
	fault *Fault
	until time.Time
}

// Resolve returns the table. An error is a *Fault, or the context's.
func (r *Resolver) Resolve(ctx context.Context) (Destination, error) {
	if r.Target.Experiment == "" {
		return r.Target.Table, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.valid {
		return *r.found, nil
	}
	if r.fault != nil && time.Now().Before(r.until) {
		return Destination{}, r.fault
	}
	x, err := r.read(ctx)
	var d Destination
	if err == nil {
		d, r.fault = tables(x, r.Signal)
	} else {
		r.fault = r.explain(err)
	}
	if ctx.Err() != nil && err != nil {
		r.fault = nil
		return Destination{}, ctx.Err()
	}
	if r.fault != nil {
		r.until = time.Now().Add(r.RetryInterval)
		return Destination{}, r.fault
	}
	r.found, r.valid = &d, true
	if r.Found != nil {
		r.Found(d)
	}
	return d, nil
}

// Invalidate says that the workspace does not know the table (any more): it is looked up again when
// there is something to look up.
func (r *Resolver) Invalidate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.valid = false
}

// Destination is the table that was found last, without asking; false when none was found yet.
func (r *Resolver) Destination() (Destination, bool) {
	if r.Target.Experiment == "" {
		return r.Target.Table, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found == nil {
		return Destination{}, false
	}
	return *r.found, true
}

func (r *Resolver) read(ctx context.Context) (databricks.Experiment, error) {
	if _, err := strconv.ParseUint(r.Target.Experiment, 10, 64); err == nil {
		return r.Client.Experiment(ctx, r.Target.Experiment)
	}
	return r.Client.ExperimentByName(ctx, r.Target.Experiment)
}

func (r *Resolver) explain(err error) *Fault {
	switch databricks.KindOf(err) {
	case databricks.KindNotFound:
		return &Fault{
			Message: fmt.Sprintf(
				"experiment %s is not there, or the principal may not see it: create it with a trace location in "+
					"Unity Catalog, "+
					"or give CAN READ on it, or correct from_experiment_tags",
				r.Target.Experiment,
			),
		}
	case databricks.KindDenied:
		return &Fault{
			Message: fmt.Sprintf(
				"no permission to read experiment %s: give the principal CAN READ on it",
				r.Target.Experiment,
			),
		}
	}
	return &Fault{Message: err.Error(), Transient: databricks.Passes(err)}
}

// tables reads the tables out of an experiment.
func tables(x databricks.Experiment, s unity.Signal) (Destination, *Fault) {
	spans, ok := x.SpansTable()
	if !ok {
		return Destination{}, &Fault{
			Message: fmt.Sprintf(
				"experiment %s (%s) has no trace location in Unity Catalog: create an experiment with one, "+
					"an existing experiment is linked by MLflow's set_experiment(trace_location=UnityCatalog(…))",
				x.Name,
				x.ID,
			),
		}
	}
	d := Destination{Signal: s, Layout: unity.LayoutV2, Table: spans, Experiment: x.ID}
	d.Location, d.Layout = Locate(spans, unity.SignalSpans)
	var tag string
	switch s {
	case unity.SignalSpans:
		return d, nil
	case unity.SignalLogs:
		tag = databricks.TagLogs
	case unity.SignalMetrics:
		tag = databricks.TagMetrics
	}
	if n, err := unity.ParseName(x.Tags[tag]); err == nil {
		d.Table = n
		return d, nil
	}
	if d.Location.Catalog == "" {
		return Destination{}, &Fault{
			Message: fmt.Sprintf(
				"experiment %s (%s) does not tell the table of %s: its tags name %s only",
				x.Name,
				x.ID,
				s,
				spans,
			),
		}
	}
	d.Table = d.Location.Table(s, d.Layout)
	return d, nil
}

// Locate tells the location and layout that a table belongs to by its name; the zero location when
// the name is none that Databricks gives.
func Locate(n unity.Name, s unity.Signal) (unity.Location, unity.Layout) {
	l := unity.Location{Catalog: n.Catalog, Schema: n.Schema}
	if n == l.Table(s, unity.LayoutV1) {
		return l, unity.LayoutV1
	}
	if prefix, ok := strings.CutSuffix(n.Table, "_otel_"+string(s)); ok && prefix != "" {
		l.Prefix = prefix
		return l, unity.LayoutV2
	}
	return unity.Location{}, unity.LayoutV2
}
