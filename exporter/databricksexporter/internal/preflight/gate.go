package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
)

// Settings is what a gate needs.
type Settings struct {
	Client    *databricks.Client
	OnFailure OnFailure
	Logger    *zap.Logger
	// Wait is how long looking at a destination may take; data waits for the first look, and so does a start with on_failure: fail. 0 means 30 s.
	Wait time.Duration
	// Again is how soon a fault is looked at again, doubled each time up to AgainMost; 0 means 30 s and 5 minutes.
	Again, AgainMost time.Duration
	// Reconnect is the same where there is no connection, up to Again; 0 means 1 s.
	Reconnect time.Duration
	// Calm is the shortest time between two looks at one destination, however often it is refused; 0 means 5 s.
	Calm time.Duration
}

// Gate knows of each destination whether data can be written there. A goroutine per destination looks after it, so that the trouble of one delays no other.
type Gate struct {
	set     Settings
	collect func(ctx context.Context, d route.Destination, refused bool) Facts
	ctx     context.Context
	stop    context.CancelFunc
	turn    chan struct{} // bounds the checks at a time
	wg      sync.WaitGroup

	mu    sync.Mutex
	watch map[route.Destination]*watch
}

var _ route.Gate = (*Gate)(nil)

// atATime is how many destinations are looked at together.
const atATime = 4

// watch is what is known about one destination. Guarded by Gate.mu.
type watch struct {
	since    time.Time     // when it was seen first
	first    chan struct{} // closed when the first answers are there
	known    bool
	findings []Finding
	refused  time.Time // the last time
	nudge    chan struct{}
}

// NewGate makes a gate. It asks nothing before the first destination is seen.
func NewGate(set Settings) *Gate {
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{{&set.Wait, 30 * time.Second}, {&set.Again, 30 * time.Second}, {&set.AgainMost, 5 * time.Minute}, {&set.Reconnect, time.Second}, {&set.Calm, 5 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.initial
		}
	}
	if set.Logger == nil {
		set.Logger = zap.NewNop()
	}
	g := &Gate{set: set, collect: NewCollector(set.Client).Collect, turn: make(chan struct{}, atATime), watch: map[route.Destination]*watch{}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// Start begins to look at the destinations of the configuration. With on_failure: fail it returns their faults, as far as they are known when Settings.Wait is over.
func (g *Gate) Start(ctx context.Context, fixed []route.Destination) error {
	first := make([]<-chan struct{}, len(fixed))
	for i, d := range fixed {
		first[i] = g.look(d).first
	}
	if g.set.OnFailure != Fail {
		return nil
	}
	patience := time.NewTimer(g.set.Wait)
	defer patience.Stop()
wait:
	for _, c := range first {
		select {
		case <-c:
		case <-patience.C:
			break wait
		case <-ctx.Done():
			break wait
		}
	}
	var errs []error
	for _, d := range fixed {
		if fault := faults(g.Findings(d)); fault != "" {
			errs = append(errs, fmt.Errorf("preflight: %s", fault))
		}
	}
	return errors.Join(errs...)
}

// Hold implements route.Gate. With on_failure: warn it never holds. Without a connection it holds as well: nothing could be sent, and what was not looked at must not
// slip through the moment the connection comes.
func (g *Gate) Hold(d route.Destination) error {
	w := g.look(d)
	if g.set.OnFailure == Warn {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !w.known {
		if time.Since(w.since) > g.set.Wait {
			return nil
		}
		return &route.Held{Message: "preflight looks at " + d.String() + " for the first time", Looking: true}
	}
	if fault := faults(w.findings); fault != "" {
		// A refused sign-in concerns every destination alike: it is no reason to give up the data of one.
		return &route.Held{Message: fault, Passes: slices.ContainsFunc(w.findings, func(f Finding) bool { return f.Definite() && f.Check == CheckSignIn })}
	}
	for _, f := range w.findings {
		if f.Alone {
			return &route.Held{Message: f.String(), Passes: true}
		}
	}
	return nil
}

// Refused implements route.Gate.
func (g *Gate) Refused(d route.Destination) string {
	w := g.look(d)
	g.mu.Lock()
	defer g.mu.Unlock()
	w.refused = time.Now()
	select {
	case w.nudge <- struct{}{}:
	default:
	}
	if fault := faults(w.findings); fault != "" {
		return fault
	}
	for _, f := range w.findings {
		if f.Check == CheckIngest {
			return f.String()
		}
	}
	return ""
}

// Findings are what is known to be wrong or unknown about a destination by now.
func (g *Gate) Findings(d route.Destination) []Finding {
	g.mu.Lock()
	defer g.mu.Unlock()
	if w := g.watch[d]; w != nil {
		return w.findings
	}
	return nil
}

// Problems are the findings about a destination as sentences, for the report.
func (g *Gate) Problems(d route.Destination) []string {
	var out []string
	for _, f := range g.Findings(d) {
		out = append(out, f.String())
	}
	return out
}

// Shutdown implements route.Gate.
func (g *Gate) Shutdown(context.Context) error {
	g.mu.Lock()
	g.stop()
	g.mu.Unlock()
	g.wg.Wait()
	return nil
}

// faults joins the definite findings; empty when there is none.
func faults(list []Finding) string {
	var out []string
	for _, f := range list {
		if f.Definite() {
			out = append(out, f.String())
		}
	}
	return strings.Join(out, ". Also: ")
}

// look returns what is known about a destination and begins to look after one that is new.
func (g *Gate) look(d route.Destination) *watch {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.watch[d]
	if w != nil {
		return w
	}
	w = &watch{since: time.Now(), first: make(chan struct{}), nudge: make(chan struct{}, 1)}
	g.watch[d] = w
	if g.ctx.Err() != nil {
		w.known = true // shut down: nothing is looked at any more
		close(w.first)
		return w
	}
	g.wg.Add(1)
	go func() {
		defer g.wg.Done()
		g.follow(d, w)
	}()
	return w
}
