// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// What is delivered between two runs over all, by runs over found traces or over a part of the range, does not
// hide the spans that were added inside of finished traces meanwhile, and is no surplus itself.
func TestSpansAddedBetweenRunsOverAll(t *testing.T) {
	found := func(t *testing.T, w *world, infos ...mlflow.Info) {
		s := w.settings(accept)
		s.Found = []Found{{Experiment: w.source.experiments[0], Infos: infos}}
		require.NoError(t, w.run(t, s))
	}
	fresh := func(w *world, id string, state mlflow.State, spans int) mlflow.Info {
		info := late(id, 30*time.Minute, time.Second)
		info.State = state
		inDatabase(&info)
		w.source.spans[id] = spans
		w.source.add(info)
		return info
	}
	for name, tc := range map[string]struct {
		change func(t *testing.T, w *world)
		added  int64
	}{
		"found": {func(t *testing.T, w *world) {
			found(t, w, fresh(w, "new-1", mlflow.StateOK, 4), fresh(w, "new-2", mlflow.StateOK, 5))
			found(t, w, fresh(w, "new-3", mlflow.StateOK, 6))
		}, 2},
		"a part of the range": {func(t *testing.T, w *world) {
			fresh(w, "new-1", mlflow.StateOK, 4)
			s := w.settings(accept)
			s.Part, s.From = true, epoch.Add(-24*time.Hour).UnixMilli()
			require.NoError(t, w.run(t, s))
			require.Equal(t, 1, w.got["new-1"])
		}, 2},
		"unfinished, then finished": {func(t *testing.T, w *world) {
			open := fresh(w, "new-1", mlflow.StateInProgress, 4)
			found(t, w, open)
			for i := range w.source.infos["1"] {
				if w.source.infos["1"][i].ID == "new-1" {
					w.source.infos["1"][i].State = mlflow.StateOK
					w.source.spans["new-1"] = 9
				}
			}
			found(t, w)
			require.Equal(t, 1, w.got["new-1"])
		}, 2},
		"left out": {func(t *testing.T, w *world) {
			w.source.skips["new-1"] = &mlflow.Skip{Reason: mlflow.ReasonCorrupt}
			found(t, w, fresh(w, "new-1", mlflow.StateOK, 4))
		}, 0}, // not known, and the log says so
	} {
		t.Run(name, func(t *testing.T) {
			w, id := inStore()
			w.complete(t, w.settings(accept))
			tc.change(t, w)
			w.source.spans[id] += 2
			require.NoError(t, w.run(t, w.settings(accept)))
			require.Equal(t, tc.added, w.result.AddedSpans)
			require.NoError(t, w.run(t, w.settings(accept)))
			require.Equal(t, tc.added, w.result.AddedSpans)
		})
	}
}
