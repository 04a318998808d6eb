// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"context"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Store keeps the records of one source in a storage extension. Source identifies them: another server
// has positions of its own.
type Store struct {
	Client storage.Client
	Source string
}

func (s Store) key(kind, name string) string { return kind + "/" + s.Source + "/" + name }

const positionKind = "position"

func (s Store) position(experimentID string) string { return s.key(positionKind, experimentID) }

func (s Store) open(experimentID string, page int) string {
	return s.key("open", experimentID+"/"+strconv.Itoa(page))
}

func (s Store) telling(experimentID string) string { return s.key("telling", experimentID) }

func (s Store) spans() string { return "spans/" + s.Source }

// usedKey says that a storage was used before.
const usedKey = "used"

// Use marks the storage as used.
func (s Store) Use(ctx context.Context) error { return s.Client.Set(ctx, usedKey, []byte("1")) }

// claimKey holds which shard the storage keeps the position of.
const claimKey = "shard"

// Claim returns which shard the storage keeps the position of, whatever its source. isNew reports whether nothing was
// ever stored.
func (s Store) Claim(ctx context.Context) (c progress.Claim, isNew bool, err error) {
	used, claim := storage.GetOperation(usedKey), storage.GetOperation(claimKey)
	if err := s.Client.Batch(ctx, used, claim); err != nil {
		return c, false, fmt.Errorf("reading the storage: %w", err)
	}
	c, err = progress.DecodeClaim(claim.Value)
	return c, used.Value == nil, err
}

// SetClaim stores which shard the storage keeps the position of.
func (s Store) SetClaim(ctx context.Context, c progress.Claim) error {
	return s.Client.Set(ctx, claimKey, c.Encode())
}

// Of is the store of a generation of a claim. Each has records of its own.
func (s Store) Of(c progress.Claim) Store {
	if c.Generation > 0 {
		s.Source += "." + strconv.Itoa(c.Generation)
	}
	return s
}

// set is the name of the delivered set of an experiment.
func (s Store) set(experimentID string, generation int) string {
	name := s.Source + "/" + experimentID
	if generation > 0 {
		name += "." + strconv.Itoa(generation)
	}
	return name
}

// Load returns the record of an experiment; without one, an empty record. telling are the ids of traces of which
// an earlier run may have told something without noting it.
func (s Store) Load(ctx context.Context, experimentID string) (rec progress.Record, telling []string, err error) {
	position := storage.GetOperation(s.position(experimentID))
	ids := storage.GetOperation(s.telling(experimentID))
	if err := s.Client.Batch(ctx, position, ids); err != nil {
		return progress.Record{}, nil, fmt.Errorf("reading the storage: %w", err)
	}
	if rec, err = progress.DecodeRecord(position.Value); err != nil {
		return progress.Record{}, nil, err
	}
	if telling, err = progress.DecodeTelling(ids.Value); err != nil {
		return progress.Record{}, nil, err
	}
	return rec, telling, nil
}

// LoadOpen returns a page of open traces of an experiment.
func (s Store) LoadOpen(ctx context.Context, experimentID string, page int) ([]progress.OpenTrace, error) {
	b, err := s.Client.Get(ctx, s.open(experimentID, page))
	if err != nil {
		return nil, fmt.Errorf("reading the storage: %w", err)
	}
	if b == nil {
		return nil, fmt.Errorf("%w: page %d of the open traces is missing", delivered.ErrDamaged, page)
	}
	return progress.DecodeOpen(b)
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

const startKind = "start"

// FixStart returns the start of a relative range as it was at the first start: the one stored, else
// now's, which it stores.
func (s Store) FixStart(ctx context.Context, written string, now int64) (int64, error) {
	key := s.key(startKind, written)
	b, err := s.Client.Get(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("reading the storage: %w", err)
	}
	if b == nil {
		return now, s.Client.Set(ctx, key, strconv.AppendInt(nil, now, 10))
	}
	at, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: its start time is not a number", delivered.ErrDamaged)
	}
	return at, nil
}
