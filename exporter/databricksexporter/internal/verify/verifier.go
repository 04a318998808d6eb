// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Settings is what a verifier is made of.
type Settings struct {
	Config Config
	Client *databricks.Client
	Logger *zap.Logger
	// Ending knows whether the process ends because a run has come to its end: the mlflow_report
	// extension. Without it (nil) nothing is counted.
	Ending progress.Ending
	// Now and Sleep are the time; nil means real time.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Verifier records which spans the workspace acknowledged and counts them in the tables. Its
// methods may be called at the same time; those of a nil Verifier do nothing.
type Verifier struct {
	set     Settings
	mu      sync.Mutex
	records map[route.Destination]*record // by table, see tableOf
}

// tableOf is a destination without what tells apart the experiments that share its table: the table is
// counted once.
func tableOf(d route.Destination) route.Destination {
	return route.Destination{Signal: d.Signal, Layout: d.Layout, Table: d.Table}
}

// New makes a verifier. It asks nothing before Verify.
func New(set Settings) *Verifier {
	if set.Logger == nil {
		set.Logger = zap.NewNop()
	}
	if set.Now == nil {
		set.Now = time.Now
	}
	if set.Sleep == nil {
		set.Sleep = databricks.Sleep
	}
	if set.Config.due() && set.Ending == nil {
		set.Logger.Warn(
			"verify: nothing will be counted, since only the extension mlflow_report knows when a run has come to " +
				"its end; list it under service::extensions",
		)
	}
	return &Verifier{set: set, records: map[route.Destination]*record{}}
}

// enabled reports whether there will be anything to count, so that nothing is recorded in vain.
func (v *Verifier) enabled() bool { return v.set.Config.due() && v.set.Ending != nil }

// Acknowledged records the spans of a request that the workspace answered with success, as they
// were sent. They are read during the call only. rejected is how many of them a partial success
// refused, without saying which.
func (v *Verifier) Acknowledged(d route.Destination, td ptrace.Traces, rejected int64) {
	if v == nil {
		return
	}
	d = tableOf(d)
	v.mu.Lock()
	r := v.records[d]
	if r == nil {
		r = newRecord(v.set.Config.MaxTraces)
		v.records[d] = r
	}
	v.mu.Unlock()
	if v.enabled() {
		r.add(td, rejected, v.set.Now())
	}
}

// Verify counts in the tables, after everything was drained and before the report, until ctx ends.
// Each element names its destination (Name, Signal) and fills what verification knows:
// Verification, Detail, Arrived, Missing, Repeated. The error is non-nil when something that was
// acknowledged did not arrive, or could not be counted.
func (v *Verifier) Verify(ctx context.Context) ([]progress.Destination, error) {
	if v == nil {
		return nil, nil
	}
	v.mu.Lock()
	counts := make([]*count, 0, len(v.records))
	for d, r := range v.records {
		counts = append(counts, &count{d: d, record: r})
	}
	v.mu.Unlock()
	slices.SortFunc(counts, func(a, b *count) int { return cmp.Compare(a.d.String(), b.d.String()) })
	if why := v.idle(); why != "" {
		var out []progress.Destination
		for _, c := range counts {
			out = append(out, progress.Destination{
				Name: c.d.String(), Signal: signal(c.d), Verification: progress.NotVerified, Detail: why,
			})
		}
		return out, nil
	}
	if len(counts) == 0 {
		return nil, nil
	}
	return v.count(ctx, counts)
}

// idle says why nothing is counted; empty when something is.
func (v *Verifier) idle() string {
	switch c := v.set.Config; {
	case c.When == WhenNever:
		return "not counted in the table: verify::when is never"
	case c.WarehouseID == "":
		return "not counted in the table: verify::warehouse_id names no SQL warehouse"
	case v.set.Ending == nil:
		return "not counted in the table: the end of a run is known only with the extension mlflow_report; list it " +
			"under service::extensions"
	case !v.set.Ending.Finished():
		return "not counted in the table: the process was stopped, no run of an mlflow receiver has come to its end"
	}
	return ""
}

func signal(d route.Destination) string {
	switch d.Signal {
	case unity.SignalSpans:
		return "traces"
	default:
		return string(d.Signal)
	}
}
