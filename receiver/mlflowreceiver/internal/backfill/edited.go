// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/refusal"
)

// Edited is a delivered trace of which tags, metadata or assessments have changed since.
type Edited struct {
	Info mlflow.Info
	// Untold says that nothing is known of its tags, metadata and assessments at its delivery: it was
	// delivered before late changes were looked for.
	Untold bool
}

// LateChanges says how late changes of delivered traces are found and told.
type LateChanges struct {
	// LookBack is how old, by its start, a trace is at most that is looked at.
	LookBack time.Duration
	// Tell hands edited traces of one experiment to the pipelines and returns their answer, or a
	// *SourceError.
	Tell func(ctx context.Context, x mlflow.Experiment, edited []Edited) error
	// Told and Refused count edited traces that the pipelines took, and those that one refused for good.
	Told, Refused func(n int)
}

// SourceError is an error of the source, which ends the run.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the source.
func (e *SourceError) Unwrap() error { return e.Err }

// toldAtOnce is how many edited traces are handed over in one call.
const toldAtOnce = 100

// since is the time before which traces are not looked at for late changes, Unix milliseconds.
func (l *LateChanges) since(now time.Time) int64 { return now.Add(-l.LookBack).UnixMilli() }

// digest fills in the digests of the traces of a page that are looked at for late changes: all infos
// are in ascending order.
func (w *window) digest(ctx context.Context, infos []mlflow.Info) error {
	r := w.reader.run
	if r.LateChanges == nil {
		return nil
	}
	since := r.LateChanges.since(r.Now())
	first := sort.Search(len(infos), func(i int) bool { return infos[i].Timestamp >= since })
	if first == len(infos) {
		return nil
	}
	if err := r.Source.Detailed(ctx, infos[first:]); err != nil {
		return err
	}
	for i := first; i < len(infos); i++ {
		w.page[i].Digest = r.digestOf(&infos[i])
	}
	return nil
}

// digestOf is the digest of a trace that is looked at for late changes, 0 for any other.
func (r *run) digestOf(info *mlflow.Info) uint64 {
	if r.LateChanges == nil || info.State == mlflow.StateInProgress ||
		info.Timestamp < r.LateChanges.since(r.Now()) {
		return 0
	}
	return delivered.Digest(info)
}

// findMoved finds those of the traces about to be sent that were delivered before their start moved back, on
// the days that are looked at for late changes. To the set they are new. What was told of them may be gone.
func (w *window) findMoved(traces []*mlflow.Trace) error {
	r := w.reader.run
	list := make([]delivered.Trace, len(traces))
	for i, t := range traces {
		list[i] = delivered.NewTrace(&t.Info, delivered.UnknownSpans)
	}
	moved, err := w.reader.set.MovedBack(r.ctx, list, mlflow.DayOf(r.LateChanges.since(r.Now())))
	if err != nil {
		return fmt.Errorf("delivered traces of experiment %s: %w", w.reader.exp.ID, err)
	}
	for i, t := range traces {
		if !moved[i] {
			continue
		}
		if w.moved == nil {
			w.moved = map[string]bool{}
		}
		w.moved[t.Info.ID] = true
	}
	return nil
}

// tell hands the edited traces of a window to the pipeline. What it refuses for good is counted and left
// out; everything else is repeated. It returns an error only when the run ends.
func (r *run) tell(w *window) error {
	x := w.reader
	for part := range slices.Chunk(w.edited, toldAtOnce) {
		waited := false
		for wait := r.newBackOff(); ; waited = true {
			err := r.LateChanges.Tell(r.ctx, x.exp, part)
			if err != nil && r.ctx.Err() != nil {
				return r.ctx.Err()
			}
			if err == nil {
				r.LateChanges.Told(len(part))
				break
			}
			if fault, ok := errors.AsType[*SourceError](err); ok {
				return fault.Err
			}
			if refusal.Permanent(err) {
				r.LateChanges.Refused(len(part))
				r.Log.Error("The pipeline refused late changes; they are left out",
					zap.String("experiment_id", x.exp.ID), zap.Int("traces", len(part)), zap.Error(err))
				break
			}
			r.mu.Lock()
			r.explain(x, "the pipeline does not take late changes at the moment: "+refusal.Message(err))
			r.unlock()
			if err := r.pause(r.Now().Add(wait.NextBackOff())); err != nil {
				return err
			}
		}
		r.mu.Lock()
		if waited && x.trouble != "" && !x.breaker.Open {
			r.passes(x)
		}
		r.unlock()
	}
	return nil
}

// forget gives up the digests of traces that are not looked at any more.
func (x *reader) forget(ctx context.Context) error {
	r := x.run
	if r.LateChanges == nil {
		return nil
	}
	before := mlflow.DayOf(r.LateChanges.since(r.Now()))
	if mlflow.DayOf(r.From) >= before {
		return nil
	}
	if err := x.set.ForgetDigests(ctx, before); err != nil {
		return fmt.Errorf("digests of experiment %s: %w", x.exp.ID, err)
	}
	return nil
}
