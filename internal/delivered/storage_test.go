// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

var errStorage = errors.New("disk on fire")

// memory is a storage client in memory.
type memory struct {
	m       map[string][]byte
	gets    int // single ones
	batches int // with nothing but Gets
	most    int // Gets in one Batch
	fail    bool
	refuse  func(value []byte) error
	garble  bool // returns text
}

func newMemory() *memory { return &memory{m: map[string][]byte{}} }

func (c *memory) clone() *memory {
	m := newMemory()
	for k, v := range c.m {
		m.m[k] = slices.Clone(v)
	}
	return m
}

func (c *memory) Get(_ context.Context, key string) ([]byte, error) {
	if c.fail {
		return nil, errStorage
	}
	c.gets++
	if c.garble && c.m[key] != nil {
		return []byte("garbled"), nil
	}
	return c.m[key], nil
}

func (c *memory) Set(_ context.Context, key string, value []byte) error {
	if c.refuse != nil {
		if err := c.refuse(value); err != nil {
			return err
		}
	}
	c.m[key] = slices.Clone(value)
	return nil
}

func (c *memory) Delete(_ context.Context, key string) error {
	delete(c.m, key)
	return nil
}

func (c *memory) Batch(_ context.Context, ops ...*storage.Operation) error {
	if c.fail {
		return errStorage
	}
	gets := 0
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.m[op.Key]
			gets++
		case storage.Set:
			c.m[op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(c.m, op.Key)
		}
	}
	if gets > 0 {
		c.batches++
		c.most = max(c.most, gets)
	}
	return nil
}

func (c *memory) Close(context.Context) error { return nil }

func (c *memory) keys() []string { return slices.Sorted(maps.Keys(c.m)) }

func open(tb testing.TB, c storage.Client) *Set {
	tb.Helper()
	s, err := Open(tb.Context(), c, "src/1", someDay.Start())
	require.NoError(tb, err)
	return s
}

// write applies the changes of sets in one Batch.
func write(tb testing.TB, c storage.Client, sets ...*Set) {
	tb.Helper()
	var all Changes
	for _, s := range sets {
		all.Append(s.Changes())
	}
	require.NoError(tb, c.Batch(tb.Context(), all.Operations()...))
	for _, s := range sets {
		s.Applied()
	}
}

func has(tb testing.TB, s *Set, traces ...Trace) []Known {
	tb.Helper()
	known, err := s.Has(tb.Context(), traces)
	require.NoError(tb, err)
	return known
}

func add(tb testing.TB, s *Set, traces ...Trace) {
	tb.Helper()
	require.NoError(tb, s.Add(tb.Context(), traces))
}

func days(tb testing.TB, s *Set) []Day {
	tb.Helper()
	list, err := s.Days(tb.Context())
	require.NoError(tb, err)
	return list
}

func TestProbe(t *testing.T) {
	c := newMemory()
	require.NoError(t, Probe(t.Context(), c))
	assert.Empty(t, c.m)

	c.refuse = func(v []byte) error {
		if slices.Contains(v, 0) {
			return errors.New("invalid byte sequence")
		}
		return nil
	}
	err := Probe(t.Context(), c)
	require.ErrorIs(t, err, ErrNotBinary)
	require.ErrorContains(t, err, "invalid byte sequence")

	c.refuse = func([]byte) error { return errStorage }
	err = Probe(t.Context(), c)
	require.ErrorIs(t, err, errStorage)
	require.NotErrorIs(t, err, ErrNotBinary)

	c.refuse, c.garble = nil, true
	require.ErrorIs(t, Probe(t.Context(), c), ErrNotBinary)
}
