// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/page"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Delivery implements progress.Sink.
func (r *reporter) Delivery(receiver component.ID) progress.DeliveryCheck {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.guarantee(receiver.String())
	if !ok {
		return progress.DeliveryCheck{Delivery: progress.Unknown,
			Reason: fmt.Sprintf("the configuration of %s was not checked", receiver)}
	}
	return progress.DeliveryCheck{Delivery: f.Delivery, Reason: f.Reason, Notes: f.Notes}
}

// guarantee is what the configuration says about a receiver, and what the answers have shown; r.mu
// is held.
func (r *reporter) guarantee(receiver string) (delivery.Guarantee, bool) {
	f, ok := r.guarantees[receiver]
	return f.Weaker(func(reader string) string { return r.peers[reader].Doubt() }), ok
}

// Held implements progress.Sink.
func (r *reporter) Held(receiver component.ID) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.guarantees[receiver.String()]
	for _, d := range r.destinations {
		if d.Held != "" && d.Refused && slices.Contains(f.Exporters(), d.Exporter.String()) {
			return fmt.Sprintf("data is held for %s: %s", d.Name, d.Held)
		}
	}
	for _, d := range f.Destinations {
		if d.Reader == "" {
			continue
		}
		if message := r.peers[d.Reader].Refusing(); message != "" {
			return message
		}
	}
	return ""
}

// Readers implements progress.Sharing.
func (r *reporter) Readers(exporter component.ID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 1
	for _, f := range r.guarantees {
		if slices.Contains(f.Exporters(), exporter.String()) {
			n = max(n, f.Readers)
		}
	}
	return n
}

// EndLines implements progress.Sink.
func (r *reporter) EndLines(receiver component.ID) error {
	r.mu.Lock()
	files := r.guarantees[receiver.String()].Files
	r.mu.Unlock()
	for _, path := range files {
		if err := endTornLine(path); err != nil {
			return fmt.Errorf("a line that was not written in full can't be ended: %w", err)
		}
	}
	return nil
}

// Earlier implements progress.Sink.
func (r *reporter) Earlier(receiver component.ID, source mlflow.Description) (progress.EarlierRun, bool) {
	run, ok := r.earlier.Run(receiver.String(), source)
	run.Report = r.cfg.Path
	return run, ok
}

// Examples implements progress.Sink.
func (r *reporter) Examples() bool { return r.cfg.Examples }

// Skip implements progress.Sink.
func (r *reporter) Skip(list []progress.SkippedTrace) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skips == nil {
		f, err := openLines(r.cfg.skipFile())
		if err != nil {
			return err
		}
		r.skips = f
	}
	var lines []byte
	for i := range list {
		line, err := json.Marshal(&list[i])
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := r.skips.Write(lines); err != nil { // a part of a line may be there; opening the file ends it
		err = errors.Join(err, r.skips.Close())
		r.skips = nil
		return err
	}
	return r.skips.Sync()
}

// Publish implements progress.Sink. The report is on disk as soon as a run has ended, not only when
// the process does, and tells about once a minute of a run that goes on.
func (r *reporter) Publish(run progress.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[run.Receiver] = run
	p := r.live[run.Receiver]
	p.Waits = run.Waits
	p.Add(page.Sample{At: time.Now(), Delivered: delivered(&run)})
	r.live[run.Receiver] = p
	if !run.Ended.IsZero() || time.Since(r.written) >= writeEvery {
		r.writeAnyway()
	}
}

// delivered is how many traces a run and those before it delivered.
func delivered(run *progress.Run) (n int64) {
	for i := range run.Experiments {
		n += run.Experiments[i].Earlier.Accepted + run.Experiments[i].Run.Accepted
	}
	return n
}

// Finished implements progress.Ending.
func (r *reporter) Finished() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, run := range r.runs {
		if run.Ended.IsZero() || run.Stopped {
			return false
		}
	}
	return len(r.runs) > 0
}

// PublishDestination implements progress.DestinationSink.
func (r *reporter) PublishDestination(d progress.Destination) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.destinations[destinationKey{d.Exporter, d.Name, d.Signal}] = d
}

// PublishRefinement implements progress.RefinementSink.
func (r *reporter) PublishRefinement(p progress.Refinement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := r.refinements[p.Processor]
	sum.Processor = p.Processor
	sum.Add(p)
	r.refinements[p.Processor] = sum
}
