// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
