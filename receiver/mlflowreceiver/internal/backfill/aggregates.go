// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Aggregates are sums over the traces that all runs over one store delivered. A trace is added in the transaction that
// makes it delivered. Its methods may be called at the same time. The zero Aggregates is ready.
type Aggregates struct {
	// Texts is true where the report shows texts of traces. Where it is false, those that are stored are removed.
	Texts bool

	mu     sync.Mutex
	sum    *aggregate.Sum
	loaded bool
}

// Data returns what the sums hold; nil if that is nothing.
func (a *Aggregates) Data() *aggregate.Data {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sum == nil {
		return nil
	}
	return a.sum.Data()
}

// load reads the stored sums, once. Damaged ones begin anew: they prove nothing, and what was delivered stays
// delivered.
func (a *Aggregates) load(ctx context.Context, s Store, log *zap.Logger) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.loaded {
		return nil
	}
	sum, err := aggregate.Load(func(names []string) ([][]byte, error) { return s.loadAggregates(ctx, names) })
	var failed *storageError
	switch {
	case errors.As(err, &failed), errors.Is(err, delivered.ErrNewerFormat):
		return err
	case err != nil:
		log.Error("The stored sums over delivered traces are damaged; they begin anew, and the report shows what is "+
			"delivered from now on", zap.Error(err))
	}
	if !a.Texts {
		sum.ForgetTexts()
	}
	a.sum, a.loaded = sum, true
	return nil
}

// add adds traces, which the next changes hold.
func (a *Aggregates) add(traces []aggregate.Trace) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum.Add(traces)
}

// changes are the operations that make the storage agree.
func (a *Aggregates) changes(s Store) (ops []*storage.Operation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.sum.Changes() {
		if k := s.aggregates(p.Name); p.Body == nil {
			ops = append(ops, storage.DeleteOperation(k))
		} else {
			ops = append(ops, storage.SetOperation(k, progress.SealAggregates(p.Body)))
		}
	}
	return ops
}

// forget makes the next run read the stored sums: what was added was not written.
func (a *Aggregates) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.loaded = false
}

func (s Store) aggregates(part string) string { return s.key("aggregates", part) }

// storageError is an error of the storage, not of what it holds.
type storageError struct{ err error }

func (e *storageError) Error() string { return fmt.Sprintf("reading the storage: %v", e.err) }
func (e *storageError) Unwrap() error { return e.err }

// loadAggregates reads parts of the sums.
func (s Store) loadAggregates(ctx context.Context, names []string) ([][]byte, error) {
	ops := make([]*storage.Operation, len(names))
	for i, name := range names {
		ops[i] = storage.GetOperation(s.aggregates(name))
	}
	if err := s.Client.Batch(ctx, ops...); err != nil {
		return nil, &storageError{err}
	}
	bodies := make([][]byte, len(names))
	for i, op := range ops {
		if op.Value == nil {
			continue
		}
		body, err := progress.UnsealAggregates(op.Value)
		if err != nil {
			return nil, err
		}
		bodies[i] = body
	}
	return bodies, nil
}
