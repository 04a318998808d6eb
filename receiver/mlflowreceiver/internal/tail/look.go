// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tail

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// group is how many experiments one request asks for.
const group = 100

// Looker asks a source for what is new in experiments. It remembers what was settled, so that traces
// within the margin are not found twice; what it has forgotten, the delivered set still knows.
type Looker struct {
	Source mlflow.Source
	// From and Filter restrict the traces, as in mlflow.Range.
	From   int64
	Filter string
	// Page is how many traces one request asks for.
	Page int

	single  bool // the source is asked for one experiment at a time
	settled map[key]settled
}

// key identifies a trace: two experiments may hold traces of the same id.
type key struct {
	experiment string
	hash       uint64 // of the trace id
}

// settled is a trace that was found and delivered or left as open.
type settled struct {
	shape uint16
	at    int64 // Unix milliseconds
}

// atOnce is how many traces are handed over together.
const atOnce = 2000

// Look hands over the traces of the experiments that began or ended since a time, by experiment, without
// those that were settled as they are now unless all are asked for. take is called with a bounded number
// of traces at a time, and not at all when there are none.
func (l *Looker) Look(ctx context.Context, experiments []string, since time.Time,
	all bool, take func(map[string][]mlflow.Info) error) error {
	size := group
	if l.single {
		size = 1
	}
	b := batch{take: take, all: all}
	for part := range slices.Chunk(experiments, size) {
		err := l.look(ctx, part, since.UnixMilli(), &b)
		if errors.Is(err, mlflow.ErrUnsupported) && len(part) > 1 {
			l.single = true
			return l.Look(ctx, experiments, since, all, take)
		}
		if err != nil {
			return err
		}
	}
	return b.flush()
}

// look asks for a group of experiments, page by page.
func (l *Looker) look(ctx context.Context, experiments []string, since int64, b *batch) error {
	r := mlflow.Recency{Experiments: experiments, Filter: l.Filter, From: l.From, Since: since}
	for after := (mlflow.Position{}); ; {
		page, err := l.Source.Recent(ctx, r, after, l.Page)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if info := &page[i]; slices.Contains(experiments, info.ExperimentID) &&
				(b.all || !l.isSettled(info)) {
				b.add(info)
			}
		}
		if b.n >= atOnce {
			if err := b.flush(); err != nil {
				return err
			}
		}
		last := page[len(page)-1]
		after = mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}
	}
}

// batch collects traces until they are handed over.
type batch struct {
	all   bool // also what was settled
	take  func(map[string][]mlflow.Info) error
	found map[string][]mlflow.Info
	n     int
}

func (b *batch) add(info *mlflow.Info) {
	if b.found == nil {
		b.found = map[string][]mlflow.Info{}
	}
	b.found[info.ExperimentID] = append(b.found[info.ExperimentID], *info)
	b.n++
}

func (b *batch) flush() error {
	found := b.found
	b.found, b.n = nil, 0
	if found == nil {
		return nil
	}
	return b.take(found)
}

func (l *Looker) isSettled(info *mlflow.Info) bool {
	t := delivered.NewTrace(info, delivered.UnknownSpans)
	was, ok := l.settled[key{info.ExperimentID, t.Hash}]
	return ok && was.shape == t.Shape
}

// Settle takes traces that were found and settled. Those that were settled before a time are forgotten.
func (l *Looker) Settle(infos []mlflow.Info, now, forget time.Time) {
	if l.settled == nil {
		l.settled = map[key]settled{}
	}
	for h, s := range l.settled {
		if s.at < forget.UnixMilli() {
			delete(l.settled, h)
		}
	}
	for i := range infos {
		t := delivered.NewTrace(&infos[i], delivered.UnknownSpans)
		l.settled[key{infos[i].ExperimentID, t.Hash}] = settled{t.Shape, now.UnixMilli()}
	}
}
