// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Found are traces of an experiment that were listed elsewhere, each once.
type Found struct {
	Experiment mlflow.Experiment
	Infos      []mlflow.Info
}

// openFound opens a reader for each experiment with found traces.
func (r *run) openFound() error {
	for _, f := range r.Found {
		x, err := r.openReader(f.Experiment)
		if err != nil && r.leftOut(f.Experiment, err) {
			continue
		}
		if err != nil {
			return err
		}
		x.again, x.found = x.record.Open, f.Infos
		r.readers = append(r.readers, x)
		r.Counters.Open(x.exp, -1, x.record.Totals, x.record.Delivery)
	}
	return r.openSpans()
}

// planFound makes a window of found traces that are not delivered as they are, or returns nil when
// there are none. Their days stay as they were listed.
func (x *reader) planFound(ctx context.Context) (*window, error) {
	for len(x.found) > 0 {
		n := min(len(x.found), x.run.PageSize)
		infos := x.found[:n]
		x.found = x.found[n:]
		infos, err := x.withoutUnsettled(ctx, infos)
		if err != nil {
			return nil, err
		}
		w := &window{reader: x}
		if err := w.choose(ctx, infos); err != nil {
			return nil, err
		}
		if len(w.infos)+len(w.delivered)+len(w.edited) > 0 {
			w.ticket = x.tracker.Begin()
			return w, nil
		}
	}
	return nil, nil
}

// withoutUnsettled leaves out the traces that have only just ended. Other runs wait until these have
// settled. Found traces are found again, so that a few hold up nothing.
func (x *reader) withoutUnsettled(ctx context.Context, infos []mlflow.Info) ([]mlflow.Info, error) {
	r := x.run
	var settled, young []mlflow.Info
	for i := range infos {
		if isUnsettled(&infos[i], r.Now()) {
			young = append(young, infos[i])
		} else {
			settled = append(settled, infos[i])
		}
	}
	if len(young) == 0 {
		return infos, nil
	}
	if err := r.Source.Detailed(ctx, young); err != nil { // which tell whether the info is final
		return nil, err
	}
	for i := range young {
		if !isUnsettled(&young[i], r.Now()) {
			settled = append(settled, young[i])
			continue
		}
		r.mu.Lock()
		r.unsettled = append(r.unsettled, young[i].ID)
		r.unlock()
	}
	return settled, nil
}
