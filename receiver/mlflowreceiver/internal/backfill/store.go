// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Store keeps the records of one source and selection in a storage extension. Source identifies
// them: another server or another filter has positions of its own.
type Store struct {
	Client storage.Client
	Source string
}

func (s Store) key(kind, name string) string { return kind + "/" + s.Source + "/" + name }

// Load returns the record of an experiment; without one, an empty record.
func (s Store) Load(ctx context.Context, experimentID string) (progress.Record, error) {
	b, err := s.Client.Get(ctx, s.key("position", experimentID))
	if err != nil {
		return progress.Record{}, fmt.Errorf("reading the storage: %w", err)
	}
	return progress.DecodeRecord(b)
}

// Save stores, in one transaction, an encoded record and that the traces of a list were sent.
func (s Store) Save(ctx context.Context, experimentID string, record []byte, sent []string) error {
	ops := []*storage.Operation{storage.SetOperation(s.key("position", experimentID), record)}
	for _, id := range sent {
		ops = append(ops, storage.SetOperation(s.key("sent", id), []byte{1}))
	}
	return s.Client.Batch(ctx, ops...)
}

// Sent returns those of the trace ids that an earlier run over a list sent.
func (s Store) Sent(ctx context.Context, ids []string) (map[string]bool, error) {
	ops := make([]*storage.Operation, len(ids))
	for i, id := range ids {
		ops[i] = storage.GetOperation(s.key("sent", id))
	}
	if err := s.Client.Batch(ctx, ops...); err != nil {
		return nil, fmt.Errorf("reading the storage: %w", err)
	}
	sent := map[string]bool{}
	for i, op := range ops {
		if op.Value != nil {
			sent[ids[i]] = true
		}
	}
	return sent, nil
}

// FixStart returns the start of a relative range as it was at the first start: the one stored, else
// now's, which it stores.
func (s Store) FixStart(ctx context.Context, written string, now int64) (int64, error) {
	key := s.key("start", written)
	b, err := s.Client.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("reading the storage: %w", err)
	}
	if b == nil {
		return now, s.Client.Set(ctx, key, strconv.AppendInt(nil, now, 10))
	}
	at, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: its start time is not a number", progress.ErrDamaged)
	}
	return at, nil
}
