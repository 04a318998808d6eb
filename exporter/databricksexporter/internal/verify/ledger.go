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

// Settings is what a ledger needs.
type Settings struct {
	Config Config
	Client *databricks.Client
	Logger *zap.Logger
	// Ending knows whether the process ends because a run has come to its end: the mlflow_report extension. nil means that nobody knows, and then nothing is counted.
	Ending progress.Ending
	// Now and Sleep are the time; nil means real time.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Ledger remembers what was acknowledged and counts it in the tables. Its methods may be called at the same time.
type Ledger struct {
	set  Settings
	mu   sync.Mutex
	book map[route.Destination]*book
}

var _ route.Ledger = (*Ledger)(nil)

// NewLedger makes a ledger.
func NewLedger(set Settings) *Ledger {
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
		set.Logger.Warn("verify: nothing will be counted, since only the extension mlflow_report knows when a run has come to its end; list it under service::extensions")
	}
	return &Ledger{set: set, book: map[route.Destination]*book{}}
}

// remembers reports whether there will be anything to count, so that nothing is remembered in vain.
func (l *Ledger) remembers() bool { return l.set.Config.due() && l.set.Ending != nil }

// Acknowledged implements route.Ledger.
func (l *Ledger) Acknowledged(d route.Destination, td ptrace.Traces, rejected int64) {
	l.mu.Lock()
	b := l.book[d]
	if b == nil {
		b = newBook(l.set.Config.MaxTraces)
		l.book[d] = b
	}
	l.mu.Unlock()
	if l.remembers() {
		b.add(td, rejected, l.set.Now())
	}
}

// Finish implements route.Ledger.
func (l *Ledger) Finish(ctx context.Context) ([]progress.Destination, error) {
	l.mu.Lock()
	counts := make([]*count, 0, len(l.book))
	for d, b := range l.book {
		counts = append(counts, &count{d: d, book: b})
	}
	l.mu.Unlock()
	slices.SortFunc(counts, func(a, b *count) int { return cmp.Compare(a.d.String(), b.d.String()) })
	if why := l.idle(); why != "" {
		var out []progress.Destination
		for _, c := range counts {
			out = append(out, progress.Destination{Name: c.d.String(), Signal: signal(c.d), Verification: progress.NotVerified, Detail: why})
		}
		return out, nil
	}
	if len(counts) == 0 {
		return nil, nil
	}
	return l.count(ctx, counts)
}

// idle says why nothing is counted; empty when something is.
func (l *Ledger) idle() string {
	switch c := l.set.Config; {
	case c.When == Never:
		return "nobody counted in the table: verify::when is never"
	case c.WarehouseID == "":
		return "nobody counted in the table: verify::warehouse_id names no SQL warehouse"
	case l.set.Ending == nil:
		return "nobody counted in the table: the end of a run is known only with the extension mlflow_report; list it under service::extensions"
	case !l.set.Ending.Finished():
		return "nobody counted in the table: the process was stopped, no run of an mlflow receiver has come to its end"
	}
	return ""
}

func signal(d route.Destination) string {
	switch d.Signal {
	case unity.Spans:
		return "traces"
	default:
		return string(d.Signal)
	}
}
