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

// Ledger counts what happens to the traces of one run, experiment by experiment. Every counter is
// counted where its event happens, none is derived from another, so Check can fail. Its methods may
// be called at the same time.
type Ledger struct {
	mu       sync.Mutex
	accounts []*Account
	byID     map[string]*Account
	samples  map[mlflow.Reason][]string
	details  map[mlflow.Reason]string
}

// samplesPerReason is how many trace ids per reason the report shows.
const samplesPerReason = 100

// Rejected is the reason under which the pipeline's refusals are listed. It is not a fault of the
// source and not counted as skipped.
const Rejected mlflow.Reason = "rejected"

// Account is the part of one experiment.
type Account struct {
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
func (l *Ledger) Open(x mlflow.Experiment, sourceCount int64, earlier Totals, delivery Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[string]*Account{}
	}
	a := Account{Experiment: x, SourceCount: sourceCount, Earlier: earlier.Clone(), EarlierDelivery: delivery}
	was := l.byID[x.ID]
	if was == nil {
		l.byID[x.ID] = &a
		l.accounts = append(l.accounts, &a)
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
func (l *Ledger) Fold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		a.Earlier.Add(a.Run)
		a.Run, a.Retried, a.Grown = Totals{}, 0, 0
	}
	l.samples, l.details = nil, nil
}

// Settle takes when a look at a followed source began that has settled what it found. An experiment with an error is
// not settled; of one that is not selected, nothing is known any more.
func (l *Ledger) Settle(began time.Time, selected func(experimentID string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.accounts {
		switch {
		case !selected(a.Experiment.ID):
			a.Settled = time.Time{}
		case a.Error == "":
			a.Settled = began
		}
	}
}

// Update changes the account of an experiment.
func (l *Ledger) Update(experimentID string, f func(*Account)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.byID[experimentID])
}

// Sample remembers a trace as an example of a reason, as long as there are not too many, and the
// first detail of each reason.
func (l *Ledger) Sample(r mlflow.Reason, traceID, detail string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.samples == nil {
		l.samples = map[mlflow.Reason][]string{}
		l.details = map[mlflow.Reason]string{}
	}
	if _, ok := l.details[r]; !ok {
		l.details[r] = detail
	}
	if s := l.samples[r]; len(s) < samplesPerReason {
		l.samples[r] = append(s, traceID)
	}
}

// Snapshot returns copies of all accounts in the order in which they were opened, and the examples.
func (l *Ledger) Snapshot() ([]Account, map[mlflow.Reason][]string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	accounts := make([]Account, len(l.accounts))
	for i, a := range l.accounts {
		accounts[i] = *a
		accounts[i].Run, accounts[i].Earlier = a.Run.Clone(), a.Earlier.Clone()
	}
	samples := make(map[mlflow.Reason][]string, len(l.samples))
	for r, ids := range l.samples {
		samples[r] = append([]string(nil), ids...)
	}
	return accounts, samples
}

// Details returns the first detail of each reason.
func (l *Ledger) Details() map[mlflow.Reason]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.details)
}

// Check returns an error unless read = accepted + skipped + rejected + pending + in flight holds
// for every experiment.
func (l *Ledger) Check() error {
	accounts, _ := l.Snapshot()
	for i := range accounts {
		a := &accounts[i]
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
func Sum(accounts []Account) Totals {
	var t Totals
	for i := range accounts {
		t.Add(accounts[i].Run)
	}
	return t
}
