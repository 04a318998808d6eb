// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/aggregate"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// TestStoredPosition reads a position as the first version of its format wrote it.
func TestStoredPosition(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", "position-1"))
	require.NoError(t, err)
	r, err := DecodeRecord(b)
	require.NoError(t, err)
	assert.Equal(t, Coverage{{From: 0, Upto: mlflow.Position{Timestamp: 1772668800000, ID: "tr-1"}}}, r.Covered)
	assert.True(t, r.Older)
	assert.Equal(t, int64(12), r.Totals.Read)
	assert.Equal(t, int64(9), r.Totals.Accepted)
	assert.Equal(t, int64(36), r.Totals.Spans)
	assert.Equal(t, int64(1), r.Totals.Skipped[mlflow.ReasonNoSpans])
}

// TestStoredPositions reads positions of later formats: 2 knew ranges of time, 3 is written today.
func TestStoredPositions(t *testing.T) {
	stored := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", name))
		require.NoError(t, err)
		return b
	}
	totals := Totals{Read: 12, Accepted: 9, Spans: 36, Skipped: map[mlflow.Reason]int64{mlflow.ReasonNoSpans: 1},
		Pending: map[mlflow.Reason]int64{mlflow.ReasonInProgress: 2}}
	r, err := DecodeRecord(stored("position-2"))
	require.NoError(t, err)
	assert.Equal(t, Record{Covered: Coverage{{Upto: mlflow.Position{Timestamp: 1772668800000, ID: "tr-1"}}},
		Open: []int{0}, Totals: totals, Delivery: Acknowledged, Older: true}, r)

	totals.Pending = map[mlflow.Reason]int64{mlflow.ReasonSpansMissing: 2}
	totals.First, totals.Last = 1772668800000, 1772668900000
	r, err = DecodeRecord(stored("position-3"))
	require.NoError(t, err)
	assert.Equal(t, Record{Identity: Identity{Created: 1772668800000, ArtifactLocation: "mlflow-artifacts:/1"},
		Generation: 1, LastRun: 1772755200000, Last: []string{"tr-1"}, Open: []int{0}, Totals: totals,
		Delivery: Acknowledged}, r)
	assert.Equal(t, stored("position-3"), r.Encode())
}

// TestStoredOpenTraces reads a page of open traces as the first version of its format wrote it.
func TestStoredOpenTraces(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", "open-1"))
	require.NoError(t, err)
	page, err := DecodeOpen(b)
	require.NoError(t, err)
	assert.Equal(t, []OpenTrace{
		{ID: "tr-2", Day: 20517, Reason: mlflow.ReasonInProgress, Since: 1772668800000, Tries: 1},
		{ID: "tr-3", Day: 20518, Reason: Rejected, Since: 1772668800001, Tries: 2},
	}, page)
	assert.Equal(t, b, EncodeOpen(page))
}

// TestStoredSpanCount reads a number of spans as the first version of its format wrote it.
func TestStoredSpanCount(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", "spans-1"))
	require.NoError(t, err)
	c, err := DecodeSpanCount(b)
	require.NoError(t, err)
	assert.Equal(t, SpanCount{Of: "0123456789abcdef", Counted: 42, Sent: 40, Added: 2}, c)
	assert.Equal(t, b, c.Encode())
	for i := range b {
		damaged := slices.Clone(b)
		damaged[i] ^= 1
		_, err := DecodeSpanCount(damaged)
		require.Error(t, err, "byte %d", i)
	}
	_, err = DecodeSpanCount([]byte("mlflow-spans-2 00000000 {}"))
	require.ErrorIs(t, err, delivered.ErrNewerFormat)
	c, err = DecodeSpanCount(nil)
	require.NoError(t, err)
	assert.Zero(t, c)
}

// TestStoredClaim reads which shard a storage belongs to as the first version of its format wrote it.
func TestStoredClaim(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", "shard-1"))
	require.NoError(t, err)
	c, err := DecodeClaim(b)
	require.NoError(t, err)
	assert.Equal(t, Claim{Shard: Shard{Index: 1, Count: 4}, Generation: 2, Importing: true}, c)
	assert.Equal(t, b, c.Encode())
	for i := range b {
		damaged := slices.Clone(b)
		damaged[i] ^= 1
		_, err := DecodeClaim(damaged)
		require.Error(t, err, "byte %d", i)
	}
	_, err = DecodeClaim([]byte("mlflow-shard-2 00000000 {}"))
	require.ErrorIs(t, err, delivered.ErrNewerFormat)
	c, err = DecodeClaim(nil)
	require.NoError(t, err)
	assert.True(t, c.Whole())
	assert.True(t, c.Same(Shard{Count: 1}))
	assert.False(t, c.Same(Shard{Count: 2}))
}

// TestStoredAggregates reads sums over delivered traces as the first version of their format wrote them.
func TestStoredAggregates(t *testing.T) {
	read := func(names []string) (bodies [][]byte, err error) {
		for _, name := range names {
			b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "storage", "aggregates-1-"+name))
			require.NoError(t, err)
			body, err := UnsealAggregates(b)
			require.NoError(t, err)
			bodies = append(bodies, body)
		}
		return bodies, nil
	}
	sum, err := aggregate.Load(read)
	require.NoError(t, err)
	d := sum.Data()
	assert.EqualValues(t, 1, d.Traces)
	assert.EqualValues(t, 1, d.Failed)
	assert.InEpsilon(t, 1500, d.Duration.P50, aggregate.Accuracy)
	assert.EqualValues(t, 4, d.Counted.Response)
	assert.Equal(t, []aggregate.Use{{Name: "gpt", Calls: 1, Reported: 1, Priced: 1, Input: 10, Output: 2, Cost: 0.5}},
		d.Models)
	assert.InDelta(t, 0.25, d.Scores[0].Mean, 0)
	_, err = UnsealAggregates([]byte("mlflow-aggregates-2 00000000 {}"))
	require.ErrorIs(t, err, delivered.ErrNewerFormat)
	_, err = UnsealAggregates([]byte("mlflow-aggregates-1 00000000 {}"))
	require.ErrorIs(t, err, delivered.ErrDamaged)
}
