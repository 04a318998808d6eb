// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// filterHash identifies a filter in the record of an experiment; empty for no filter.
func filterHash(filter string) string {
	if filter == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(filter))
	return hex.EncodeToString(sum[:8])
}

// refilter makes everything count as not listed where it was listed with another filter. What was delivered stays
// delivered.
func (r *run) refilter(x *reader) error {
	filter := filterHash(r.Filter)
	if r.List != nil || x.record.Filter == filter {
		return nil
	}
	x.set.Reopen(r.Now().UnixMilli())
	if err := r.Store.Client.Batch(r.ctx, x.set.Changes().Operations()...); err != nil {
		return fmt.Errorf("writing the storage: %w", err)
	}
	x.set.Applied()
	x.record.Filter = filter
	if x.record.Totals.Read > 0 || x.record.LastRun > 0 {
		x.note = "the filter is another one than in the last run, so everything was listed again"
	}
	return nil
}

// Adopt returns the store under the name that the positions of its source have. Earlier versions kept the positions of
// each filter under a name of its own, older for the filter of now. The first run of this version goes on with those,
// unless the source has others. experiments lists all experiments of the source.
func (s Store) Adopt(ctx context.Context, older string, experiments func() ([]mlflow.Experiment, error)) (Store,
	error) {
	key := "positions/" + s.Source
	name, err := s.Client.Get(ctx, key)
	if err != nil {
		return s, fmt.Errorf("reading the storage: %w", err)
	}
	if name == nil && older != s.Source {
		if name, err = s.find(ctx, older, experiments); err != nil {
			return s, err
		}
		if err := s.Client.Set(ctx, key, name); err != nil {
			return s, fmt.Errorf("writing the storage: %w", err)
		}
	}
	if name != nil {
		s.Source = string(name)
	}
	return s, nil
}

// find returns the name under which there are positions of experiments: that of the store, else the older one, else
// that of the store.
func (s Store) find(ctx context.Context, older string, experiments func() ([]mlflow.Experiment, error)) ([]byte,
	error) {
	all, err := experiments()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{s.Source, older} {
		ops := make([]*storage.Operation, len(all))
		for i := range all {
			ops[i] = storage.GetOperation(Store{Source: name}.position(all[i].ID))
		}
		if err := s.Client.Batch(ctx, ops...); err != nil {
			return nil, fmt.Errorf("reading the storage: %w", err)
		}
		for _, op := range ops {
			if op.Value != nil {
				return []byte(name), nil
			}
		}
	}
	return []byte(s.Source), nil
}
