// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

func TestDedupeByLocation(t *testing.T) {
	a, b, c := mlflow.Experiment{ID: "1", Name: "a", Place: "m.s.x"},
		mlflow.Experiment{ID: "2", Name: "b", Place: "m.s.x"}, mlflow.Experiment{ID: "3", Name: "c", Place: "m.s.y"}
	plain := []mlflow.Experiment{{ID: "4", Name: "d"}, {ID: "5", Name: "e"}}
	kept, notes := DedupeByLocation(append([]mlflow.Experiment{a, b, c}, plain...),
		append([]mlflow.Experiment{a, b, c}, plain...))
	require.Equal(t, append([]mlflow.Experiment{a, c}, plain...), kept)
	require.Equal(t,
		[]string{"experiment b (2) shares the traces in m.s.x with a (1); they are read as traces of the latter"},
		notes)

	kept, notes = DedupeByLocation([]mlflow.Experiment{b}, []mlflow.Experiment{a, b, c})
	require.Equal(t, []mlflow.Experiment{b}, kept)
	require.Len(t, notes, 1)
	require.Contains(t, notes[0], "also holds those of a (1), which was not selected")

	kept, notes = DedupeByLocation(plain, append(plain, a, b))
	require.Equal(t, plain, kept)
	require.Empty(t, notes)
}
