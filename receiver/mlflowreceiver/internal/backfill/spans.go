// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// spanCheck compares the spans in the source's database with those of the last run and those that this
// run delivered. Nothing else shows that a span was added inside of a finished trace: neither start
// nor duration of the trace change. The comparison holds only where it is known what every trace of
// this run added: a run that also met traces which were known before, deleted or left out takes the
// source's number as it is.
type spanCheck struct {
	before  progress.SpanCount
	total   int64 // that all runs had sent when this one began
	counted int64 // by the source; -1 where it was not asked or can't tell
	gone    int64 // delivered traces that the source did not show any more when the run began

	sent   atomic.Int64 // spans of new traces that lie in the database
	unsure atomic.Bool
	stale  atomic.Bool // something was settled since the source was asked
}

// part reports whether the run covers a part of what is compared.
func (r *run) part() bool { return r.Part || r.Found != nil }

// openSpans loads what is known of the spans.
func (r *run) openSpans() error {
	r.spans.counted, r.spans.total = -1, r.totalSpans()
	b, err := r.Store.Client.Get(r.ctx, r.Store.spans())
	if err != nil {
		return fmt.Errorf("reading the storage: %w", err)
	}
	c, err := progress.DecodeSpanCount(b)
	switch {
	case errors.Is(err, delivered.ErrDamaged): // it proves less, and costs nothing
		r.Log.Error("The stored number of spans is damaged; spans that were added inside of finished traces since the "+
			"last run are not noticed", zap.Error(err))
	case err != nil:
		return fmt.Errorf("number of spans: %w", err)
	}
	if known := c.Of != ""; !r.part() && (c.Of != r.counts() || c.Sent != r.spans.total) {
		// other experiments, or a run that did not come to its end
		c = progress.SpanCount{}
		if known {
			r.Log.Info(notCompared, zap.String("reason", "the experiments are others, or the last run was cut off"))
		}
	}
	r.spans.before = c
	return nil
}

const notCompared = "Spans that were added inside of finished traces since the last comparison are not noticed"

// carrySpans keeps the number of spans that a run over all compares with up to date after a run over a
// part, which has not asked the source. The number is given up where it is not known what the traces of this
// run added.
func (r *run) carrySpans() error {
	s := &r.spans
	sent := r.totalSpans() - s.total
	if s.before.Of == "" || sent == 0 && !s.unsure.Load() {
		return nil
	}
	next := s.before
	next.Counted += s.sent.Load()
	next.Sent += sent
	if s.unsure.Load() {
		next = progress.SpanCount{Added: next.Added}
		r.Log.Info(notCompared, zap.String("reason", "a trace was left out, or its spans lie in an unknown place"))
	}
	if err := r.Store.Client.Set(r.parent, r.Store.spans(), next.Encode()); err != nil {
		return fmt.Errorf("writing the storage: %w", err)
	}
	return nil
}

// counts identifies what is counted.
func (r *run) counts() string {
	ids := make([]string, len(r.readers))
	for i, x := range r.readers {
		ids[i] = x.exp.ID
	}
	slices.Sort(ids)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", r.From, strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:8])
}

// totalSpans is how many spans all runs have sent.
func (r *run) totalSpans() (n int64) {
	r.saver.mu.Lock()
	defer r.saver.mu.Unlock()
	for _, x := range r.readers {
		n += x.record.Totals.Spans
	}
	return n
}

func (r *run) totalGone() (n int64) {
	for _, x := range r.readers {
		for _, d := range x.days {
			n += d.Gone
		}
	}
	return n
}

// countSpans asks the source for the spans in its database. It is asked before it counts traces: a trace
// that appears in between differs there. A run over a part does not ask: carrySpans keeps the number.
func (r *run) countSpans(experiments []string) error {
	if r.part() {
		return nil
	}
	r.spans.stale.Store(false)
	n, err := r.Source.SpanCount(r.ctx, experiments, r.From, r.To)
	if errors.Is(err, mlflow.ErrUnsupported) {
		n, err = -1, nil
	}
	r.spans.counted = n
	return err
}

// noteSpans notes the spans of traces that were accepted.
func (w *window) noteSpans(traces []*mlflow.Trace) {
	r := w.reader.run
	var n int64
	for _, t := range traces {
		_, known := w.formerly[t.Info.ID]
		location, _ := mlflow.Get(t.Info.Tags, mlflow.TagSpansLocation)
		switch {
		case t.Info.Timestamp >= r.To && !r.part():
		case location == "": // servers before 3.6 do not tell the place
			r.spans.unsure.Store(true)
		case known && !r.part(): // of unknown state before
			r.spans.unsure.Store(true)
		case location == mlflow.SpansInStore:
			n += int64(len(t.Spans))
		}
	}
	r.spans.sent.Add(n)
	r.spans.stale.Store(true)
}

// noteLeft notes that a trace was not delivered. If nothing has changed about it, or it has no spans in
// the database, their number is still known.
func (r *run) noteLeft(reason mlflow.Reason, known, same bool) {
	switch {
	case r.part() && reason == mlflow.ReasonInProgress: // counted when it is finished, or met by a run over all
	case same && reason != mlflow.ReasonInProgress:
	case same:
		r.spans.unsure.Store(true)
	case !known && (reason == mlflow.ReasonNoSpans || reason == mlflow.ReasonArtifactMissing):
	default:
		r.spans.unsure.Store(true)
		r.spans.stale.Store(true)
	}
}

// concludeSpans compares, once everything is delivered, and keeps the number for the next run.
func (r *run) concludeSpans() error {
	s := &r.spans
	if s.counted < 0 || s.stale.Load() {
		return nil
	}
	for _, x := range r.readers {
		if !x.complete || x.missing {
			return nil
		}
	}
	now := progress.SpanCount{Of: r.counts(), Counted: s.counted, Sent: r.totalSpans(), Added: s.before.Added}
	switch {
	case s.before.Of == "":
	case s.unsure.Load() || s.gone != r.totalGone():
		r.Log.Info(notCompared, zap.String("reason",
			"traces were unfinished, have grown, were left out or were deleted meanwhile"))
	default:
		now.Added += max(0, s.counted-s.before.Counted-s.sent.Load())
	}
	r.addedSpans = now.Added
	if now == s.before {
		return nil
	}
	if err := r.Store.Client.Set(r.ctx, r.Store.spans(), now.Encode()); err != nil {
		return fmt.Errorf("writing the storage: %w", err)
	}
	return nil
}
