// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"fmt"

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
		if err != nil {
			return err
		}
		if r.LateChanges != nil {
			if x.days, err = x.set.Days(r.ctx); err != nil {
				return fmt.Errorf("position of experiment %s: %w", f.Experiment.ID, err)
			}
		}
		x.again, x.found = x.record.Open, f.Infos
		r.readers = append(r.readers, x)
		r.Ledger.Open(x.exp, -1, x.record.Totals, x.record.Delivery)
	}
	return nil
}

// planFound makes a window of found traces that are not delivered as they are, or returns nil when
// there are none. Their days stay as they were listed.
func (x *reader) planFound(ctx context.Context) (*window, error) {
	for len(x.found) > 0 {
		n := min(len(x.found), x.run.PageSize)
		infos := x.found[:n]
		x.found = x.found[n:]
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
