// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Counters counts what happens to the traces of one run, experiment by experiment. Every counter is
// counted where its event happens, none is derived from another, so Check can fail. Its methods may
// be called at the same time.
type Counters struct {
	mu          sync.Mutex
	experiments []*Experiment
	byID        map[string]*Experiment
	samples     map[mlflow.Reason][]string
	details     map[mlflow.Reason]string
}

// samplesPerReason is how many trace ids per reason the report shows.
const samplesPerReason = 100

// Rejected is the reason under which the pipeline's refusals are listed. It is not a fault of the
// source and not counted as skipped.
const Rejected mlflow.Reason = "rejected"

// Experiment is what is counted and known of one experiment.
type Experiment struct {
	Experiment mlflow.Experiment
	// SourceCount is the source's own count of the traces in the range; -1 when it gives none.
	SourceCount int64
	// Run counts this run, Earlier all runs before it.
	Run, Earlier Totals
	// InFlight is the number of traces that were read and are not settled.
	InFlight int64
	// Retried is the number of traces among those that this run read which earlier runs knew
	// already.
	Retried int64
	// EarlierDelivery is the weakest word with which runs before this one delivered; empty when
	// none did.
	EarlierDelivery Delivery
	// Grown is the number of traces that this run delivered again since spans were added to them.
	Grown int64
	// Gone is the number of delivered traces that the source does not show any more.
	Gone int64
	// Missing says what the source has that was not read; empty when nothing is known to be missing.
	// Scope says of which days the source's numbers were not compared, or how.
	Missing, Scope string
	// MissingDays are the days that Missing speaks of, Undelivered the traces that wait, at the end of the last run
	// that met the experiment. Both name no receiver and no experiment, and are not changed once they are here.
	MissingDays, Undelivered []Missing
	// Note says why an experiment was delivered again; empty when it was not.
	Note string
	// Done is true once everything of the range was read and settled.
	Done bool
	// Error is why the experiment could not be read to its end; empty when it could.
	Error string
	// Waiting are the pending traces by age, at the end of the last run that met the experiment.
	Waiting Ages
	// Settled is when the last look at a followed source began that settled everything of the experiment; zero
	// where none has, or no source is followed.
	Settled time.Time
}

// Open adds an experiment with what earlier runs did. Where a run of the same process has opened it,
// it begins anew; a sourceCount of -1 then leaves what is known of the source as it is.
func (c *Counters) Open(x mlflow.Experiment, sourceCount int64, earlier Totals, delivery Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = map[string]*Experiment{}
	}
	a := Experiment{Experiment: x, SourceCount: sourceCount, Earlier: earlier.Clone(), EarlierDelivery: delivery}
	was := c.byID[x.ID]
	if was == nil {
		c.byID[x.ID] = &a
		c.experiments = append(c.experiments, &a)
		return
	}
	a.Waiting, a.Settled, a.Undelivered = was.Waiting, was.Settled, was.Undelivered
	if sourceCount < 0 {
		a.SourceCount, a.Gone, a.Missing, a.Scope = was.SourceCount, was.Gone, was.Missing, was.Scope
		a.MissingDays = was.MissingDays
	}
	*was = a
}

// Fold adds what the runs of this process did to what was done before: another run begins.
func (c *Counters) Fold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.experiments {
		a.Earlier.Add(a.Run)
		a.Run, a.Retried, a.Grown = Totals{}, 0, 0
	}
	c.samples, c.details = nil, nil
}

// Settle takes when a look at a followed source began that has settled what it found. An experiment with an error is
// not settled, nor is one that was left before its end; of one that is not selected, nothing is known any more.
func (c *Counters) Settle(began time.Time, selected, left func(experimentID string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.experiments {
		switch {
		case !selected(a.Experiment.ID):
			a.Settled = time.Time{}
		case a.Error == "" && !left(a.Experiment.ID):
			a.Settled = began
		}
	}
}

// Update changes the counts of an experiment.
func (c *Counters) Update(experimentID string, f func(*Experiment)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.byID[experimentID])
}

// Sample remembers a trace as an example of a reason, as long as there are not too many, and the
// first detail of each reason.
func (c *Counters) Sample(r mlflow.Reason, traceID, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.samples == nil {
		c.samples = map[mlflow.Reason][]string{}
		c.details = map[mlflow.Reason]string{}
	}
	if _, ok := c.details[r]; !ok {
		c.details[r] = detail
	}
	if s := c.samples[r]; len(s) < samplesPerReason {
		c.samples[r] = append(s, traceID)
	}
}

// Snapshot returns copies of all experiments in the order in which they were opened, and the examples.
func (c *Counters) Snapshot() ([]Experiment, map[mlflow.Reason][]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	experiments := make([]Experiment, len(c.experiments))
	for i, a := range c.experiments {
		experiments[i] = *a
		experiments[i].Run, experiments[i].Earlier = a.Run.Clone(), a.Earlier.Clone()
	}
	samples := make(map[mlflow.Reason][]string, len(c.samples))
	for r, ids := range c.samples {
		samples[r] = append([]string(nil), ids...)
	}
	return experiments, samples
}

// Details returns the first detail of each reason.
func (c *Counters) Details() map[mlflow.Reason]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.details)
}

// Check returns an error unless read = accepted + skipped + rejected + pending + in flight holds
// for every experiment.
func (c *Counters) Check() error {
	experiments, _ := c.Snapshot()
	for i := range experiments {
		a := &experiments[i]
		if sum := a.Run.Accepted + a.Run.SkippedSum() + a.Run.Rejected + a.Run.PendingSum() +
			a.InFlight; sum != a.Run.Read {
			return fmt.Errorf("the counts of experiment %s do not add up: read %d, accepted %d + skipped %d + "+
				"rejected %d + pending %d + "+
				"in flight %d = %d", a.Experiment.ID, a.Run.Read, a.Run.Accepted, a.Run.SkippedSum(),
				a.Run.Rejected, a.Run.PendingSum(),
				a.InFlight, sum)
		}
	}
	return nil
}

// Sum adds up the numbers of this run over all experiments.
func Sum(experiments []Experiment) Totals {
	var t Totals
	for i := range experiments {
		t.Add(experiments[i].Run)
	}
	return t
}
