// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Settings is what a registry is made of.
type Settings struct {
	Exporter  component.ID
	Signal    string // as the collector spells it
	Telemetry component.TelemetrySettings
	Now       func() time.Time
}

// Registry holds the recorders of one exporter, one for each destination.
type Registry struct {
	exporter component.ID
	signal   string
	metrics  *metrics
	log      *zap.Logger
	now      func() time.Time

	mu        sync.Mutex
	recorders []*Recorder
	sink      progress.DestinationSink
	status    func(error)
	closed    bool
}

// New makes a registry. Close must be called at its end.
func New(s Settings) (*Registry, error) {
	r := &Registry{exporter: s.Exporter, signal: s.Signal, log: s.Telemetry.Logger, now: s.Now}
	var err error
	r.metrics, err = newMetrics(s.Telemetry, s.Signal, r.waitingNames)
	return r, err
}

// Add makes the recorder of a destination. The name is that of its table if that is known, and
// otherwise what it is looked up by.
func (r *Registry) Add(name string, known bool) *Recorder {
	a := &Recorder{registry: r, name: name, known: known, said: map[string]time.Time{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recorders = append(r.recorders, a)
	return a
}

// Connect sets where states are published (may be nil) and what is called with the exporter's
// status: an error while data of any destination waits, nil once none does.
func (r *Registry) Connect(sink progress.DestinationSink, status func(error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sink, r.status = sink, status
}

// changed logs, publishes and reports a change between waiting and flowing, or of the reason for
// waiting.
func (r *Registry) changed(a *Recorder, log bool) {
	message, _ := a.Waiting()
	switch {
	case !log:
	case message != "":
		r.log.Warn("Data for a destination waits", zap.String("destination", a.Name()), zap.String("reason", message))
	default:
		r.log.Info("Data flows to a destination again", zap.String("destination", a.Name()))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.publish(a.Name(), nil)
	if r.status != nil {
		r.status(r.waiting())
	}
}

// waiting is nil, or an error that names the destinations whose data waits and why; r.mu is held.
func (r *Registry) waiting() error {
	const most = 3
	var texts []string
	n := 0
	for _, a := range r.recorders {
		if message, _ := a.Waiting(); message != "" {
			if n++; n <= most {
				texts = append(texts, a.Name()+": "+message)
			}
		}
	}
	switch {
	case n == 0:
		return nil
	case n > most:
		texts = append(texts, fmt.Sprintf("and %d more", n-most))
	}
	return errors.New(strings.Join(texts, "; "))
}

// publish sends the state of a table, summed over the recorders whose destination it is; r.mu is
// held. A table that is not known is left for the end.
func (r *Registry) publish(name string, verified map[string]progress.Destination) {
	if r.sink == nil {
		return
	}
	d, known, taken := r.sum(name)
	if known || verified != nil && (d.Held != "" || len(d.Problems) > 0) {
		switch v, ok := verified[name]; {
		case ok:
			d.Verification, d.Detail, d.Arrived, d.Missing, d.Repeated = v.Verification, v.Detail, v.Arrived, v.Missing,
				v.Repeated
			d.Problems = append(d.Problems, v.Problems...)
		case verified == nil:
		case d.Sent == 0 && d.Held == "" && taken:
			d.Detail = "nothing was sent there: what was taken is given up, given back, or still in the queue"
		case d.Sent == 0 && d.Held == "":
			d.Verification, d.Detail = progress.Arrived, "nothing was sent there"
		case d.Sent == 0:
			d.Detail = "nothing was sent there: data waits"
		default:
			d.Detail = "not counted in the table: only spans are counted"
		}
		r.sink.PublishDestination(d)
	}
}

func (r *Registry) sum(name string) (sum progress.Destination, known, taken bool) {
	first := true
	for _, a := range r.recorders {
		d, k, t := a.snapshot(r.exporter, r.signal)
		if d.Name != name {
			continue
		}
		known, taken = known || k, taken || t
		if first {
			sum, first = d, false
			continue
		}
		sum.Sent += d.Sent
		sum.Rejected += d.Rejected
		sum.DeadLettered += d.DeadLettered
		sum.Problems = append(sum.Problems, d.Problems...)
		if sum.Held == "" {
			sum.Held, sum.HeldSince, sum.Refused = d.Held, d.HeldSince, d.Refused
		}
	}
	return sum, known, taken
}

// waitingNames are the destinations whose data waits.
func (r *Registry) waitingNames() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, a := range r.recorders {
		if message, _ := a.Waiting(); message != "" {
			names = append(names, a.Name())
		}
	}
	return names
}

// Close publishes everything a last time, with what verification found, and says nothing
// afterwards. It may be called twice.
func (r *Registry) Close(verified []progress.Destination) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.closed = true
	found := map[string]progress.Destination{}
	for _, v := range verified {
		found[v.Name] = v
	}
	var names []string
	for _, a := range r.recorders {
		names = append(names, a.Name())
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range slices.Compact(names) {
		r.publish(name, found)
	}
	r.metrics.Shutdown()
}
