// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

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

// Settings is what a checker is made of.
type Settings struct {
	Client    *databricks.Client
	OnFailure OnFailure
	Logger    *zap.Logger
	// Wait is how long looking at a destination may take; data waits for the first look, and so
	// does a start with on_failure: fail. 0 means 30 s.
	Wait time.Duration
	// RetryInterval is the time until a fault is checked again, doubled each time up to
	// MaxRetryInterval; 0 means 30 s and 5 minutes.
	RetryInterval, MaxRetryInterval time.Duration
	// ReconnectInterval is the same where there is no connection, up to RetryInterval; 0 means 1 s.
	ReconnectInterval time.Duration
	// MinInterval is the shortest time between two looks at one destination, however often it is
	// refused; 0 means 5 s.
	MinInterval time.Duration
}

// Checker reads in the workspace whether data can be written to each destination. A goroutine for
// each destination does, so that the trouble of one delays no other. Its methods may be called at
// the same time; those of a nil Checker know of nothing that is wrong.
type Checker struct {
	set     Settings
	collect func(ctx context.Context, d route.Destination, refused bool) Facts
	ctx     context.Context
	stop    context.CancelFunc
	turn    chan struct{} // bounds the checks at a time
	wg      sync.WaitGroup

	mu    sync.Mutex
	watch map[route.Destination]*watch
}

// atATime is how many destinations are checked together.
const atATime = 4

// watch is what is known about one destination. Guarded by Checker.mu.
type watch struct {
	since    time.Time     // when it was seen first
	first    chan struct{} // closed when the first answers are there
	known    bool
	findings []Finding
	refused  time.Time // the last time
	nudge    chan struct{}
}

// NewChecker makes a checker. It asks nothing before the first destination is seen. Shutdown must
// be called at its end.
func NewChecker(set Settings) *Checker {
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{{&set.Wait, 30 * time.Second}, {&set.RetryInterval, 30 * time.Second}, {&set.MaxRetryInterval, 5 * time.Minute},
		{&set.ReconnectInterval, time.Second}, {&set.MinInterval, 5 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.initial
		}
	}
	if set.Logger == nil {
		set.Logger = zap.NewNop()
	}
	c := &Checker{
		set:     set,
		collect: NewCollector(set.Client).Collect,
		turn:    make(chan struct{}, atATime),
		watch:   map[route.Destination]*watch{},
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Start begins to look at the destinations that the configuration names, in the background. With
// on_failure: fail it returns their faults, as far as they are known when Settings.Wait is over; a
// workspace that can't be reached is none. The context is used during the call only.
func (c *Checker) Start(ctx context.Context, fixed []route.Destination) error {
	if c == nil {
		return nil
	}
	first := make([]<-chan struct{}, len(fixed))
	for i, d := range fixed {
		first[i] = c.follow(d).first
	}
	if c.set.OnFailure != OnFailureFail {
		return nil
	}
	limit := time.NewTimer(c.set.Wait)
	defer limit.Stop()
wait:
	for _, known := range first {
		select {
		case <-known:
		case <-limit.C:
			break wait
		case <-ctx.Done():
			break wait
		}
	}
	var errs []error
	for _, d := range fixed {
		if fault := faults(c.Findings(d)); fault != "" {
			errs = append(errs, fmt.Errorf("preflight: %s", fault))
		}
	}
	return errors.Join(errs...)
}

// look returns nil, or why nothing can be written to a destination. It answers at once, from what
// is known; a destination that it sees for the first time is checked in the background. A fault is
// checked again from time to time, so that a grant given later lets data flow without a restart.
// With on_failure: warn nothing is held. Without a connection everything is: nothing could be sent,
// and what was not checked must not slip through the moment the connection comes.
func (c *Checker) look(d route.Destination) *Held {
	if c == nil {
		return nil
	}
	w := c.follow(d)
	if c.set.OnFailure == OnFailureWarn {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !w.known {
		if time.Since(w.since) > c.set.Wait {
			return nil
		}
		return &Held{Message: "preflight looks at " + d.String() + " for the first time", Pending: true}
	}
	if fault := faults(w.findings); fault != "" {
		// A refused sign-in concerns every destination alike: it is no reason to give up the data
		// of one.
		signIn := func(f Finding) bool { return f.Definite() && f.Check == CheckSignIn }
		return &Held{Message: fault, Refused: true, Transient: slices.ContainsFunc(w.findings, signIn)}
	}
	for _, f := range w.findings {
		if f.Alone {
			return &Held{Message: f.String(), Transient: true}
		}
	}
	return nil
}

// refused says that the ingest endpoint answered 403 or 404 although nothing was known to be wrong:
// look again soon. The returned sentence, if any, names the fault more exactly than the answer did.
func (c *Checker) refused(d route.Destination) string {
	if c == nil {
		return ""
	}
	w := c.follow(d)
	c.mu.Lock()
	defer c.mu.Unlock()
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
func (c *Checker) Findings(d route.Destination) []Finding {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watch[d]; w != nil {
		return w.findings
	}
	return nil
}

// Problems are the findings about a destination as sentences, for the report.
func (c *Checker) Problems(d route.Destination) []string {
	var out []string
	for _, f := range c.Findings(d) {
		out = append(out, f.String())
	}
	return out
}

// Shutdown ends what runs in the background. It may be called without Start and twice.
func (c *Checker) Shutdown(context.Context) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.wg.Wait()
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

// follow returns what is known about a destination and begins to look after one that is new.
func (c *Checker) follow(d route.Destination) *watch {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watch[d]
	if w != nil {
		return w
	}
	w = &watch{since: time.Now(), first: make(chan struct{}), nudge: make(chan struct{}, 1)}
	c.watch[d] = w
	if c.ctx.Err() != nil {
		w.known = true // shut down: nothing is checked any more
		close(w.first)
		return w
	}
	c.wg.Go(func() {
		c.run(d, w)
	})
	return w
}
