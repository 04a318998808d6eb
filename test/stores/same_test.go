// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// The stores of every version of MLflow give the same, whatever is asked, from SQLite and from a server.
func TestSameAsSQLite(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		for name, path := range recorded(t) {
			t.Run(name, func(t *testing.T) {
				path := placed(t, path)
				file := open(t, "sqlite:///"+path, options)
				copied := db.Copy(t, path)
				same(t, file, open(t, db.URI(databases.Admin, copied), options))
			})
		}
	})
}

func same(t *testing.T, file, server mlflow.Source) {
	t.Helper()
	ctx := t.Context()
	about, err := file.Describe(ctx)
	require.NoError(t, err)
	described, err := server.Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, about.Version, described.Version)
	experiments, err := file.Experiments(ctx)
	require.NoError(t, err)
	got, err := server.Experiments(ctx)
	require.NoError(t, err)
	require.Equal(t, experiments, got)
	var ids []string
	for _, x := range experiments {
		ids = append(ids, x.ID)
		r := mlflow.Range{ExperimentID: x.ID}
		infos := list(t, file, r, 500)
		for _, limit := range []int{1, 7, 500} {
			require.Equal(t, infos, list(t, server, r, limit))
		}
		count, err := server.Count(ctx, r)
		require.NoError(t, err)
		require.EqualValues(t, len(infos), count)
		traces, skips := read(t, file, infos)
		gotTraces, gotSkips := read(t, server, infos)
		for i := range infos {
			require.Equal(t, traces[i], gotTraces[i])
			require.Equal(t, skips[i] == nil, gotSkips[i] == nil)
			if skips[i] != nil {
				require.Equal(t, skips[i].Reason, gotSkips[i].Reason)
			}
		}
		if len(infos) == 0 {
			continue
		}
		var asked []string
		for _, i := range infos {
			asked = append(asked, i.ID)
		}
		found, err := file.Lookup(ctx, "", append(asked, "none"))
		require.NoError(t, err)
		gotFound, err := server.Lookup(ctx, "", append(asked, "none"))
		require.NoError(t, err)
		require.Equal(t, found, gotFound)
		since := infos[len(infos)/2].Timestamp + infos[len(infos)/2].Duration
		ended, err := file.Ended(ctx, r, since, mlflow.Position{}, 500)
		require.NoError(t, err)
		gotEnded, err := server.Ended(ctx, r, since, mlflow.Position{}, 500)
		require.NoError(t, err)
		require.Equal(t, ended, gotEnded)
		recency := mlflow.Recency{Experiments: ids, Since: since}
		recent, err := file.Recent(ctx, recency, mlflow.Position{}, 500)
		require.NoError(t, err)
		gotRecent, err := server.Recent(ctx, recency, mlflow.Position{}, 500)
		require.NoError(t, err)
		require.Equal(t, recent, gotRecent)
	}
	days, err := file.Daily(ctx, ids, -1<<40, 0)
	require.NoError(t, err)
	gotDays, err := server.Daily(ctx, ids, -1<<40, 0)
	require.NoError(t, err)
	require.Equal(t, days, gotDays)
	for _, from := range []int64{-1 << 40, 1} {
		spans, err := file.SpanCount(ctx, ids, from, 0)
		gotSpans, gotErr := server.SpanCount(ctx, ids, from, 0)
		require.Equal(t, spans, gotSpans)
		require.Equal(t, err, gotErr)
	}
}

// awkward are ids on whose order a language, a comparison without case and bytes disagree, and those that
// databases take for one another.
var awkward = []string{"tr-a1", "tr-A1", "tr-B", "tr-b", "tr-é", "tr-e", "tr-E", "tr_a", "tr a", "TR-a5", "0f3b",
	"f00d", "tr-0B", "tr-0a", "tr-Z", "tr-z", "tr-ß", "tr-ss", "tr-10", "tr-9", "TR-ä", "~", "A", "Z", "z", "a"}

// The order of pages is that of bytes, within a millisecond and across, wherever a page ends.
func TestOrder(t *testing.T) {
	path := placed(t, recorded(t)["sample"])
	random := rand.New(rand.NewPCG(1, 2))
	var want []mlflow.Position
	statements := []string{"DELETE FROM trace_info", "DELETE FROM trace_tags", "DELETE FROM trace_request_metadata",
		"DELETE FROM assessments", "DELETE FROM spans"}
	for at, n := range []int{1, len(awkward), 3, 0, 2, 1, 9} { // traces in each of some milliseconds
		for _, k := range random.Perm(len(awkward))[:n] {
			// The end makes ids different for databases that take a for A.
			id := fmt.Sprintf("%s'%d %d", awkward[k], k, at)
			want = append(want, mlflow.Position{Timestamp: 1000 + int64(at), ID: id})
		}
	}
	for _, p := range random.Perm(len(want)) {
		id := strings.ReplaceAll(want[p].ID, "'", "''")
		statements = append(statements, "INSERT INTO trace_info (request_id, experiment_id, timestamp_ms, "+
			"execution_time_ms, status) VALUES ('"+id+"', 1, "+strconv.FormatInt(want[p].Timestamp, 10)+", 1, 'OK')",
			"INSERT INTO trace_tags (request_id, key, value) VALUES ('"+id+"', 'own', '"+id+"')")
	}
	change(t, path, statements...)
	slices.SortFunc(want, func(a, b mlflow.Position) int {
		if a.Less(b) {
			return -1
		}
		return 1
	})
	check := func(t *testing.T, s mlflow.Source) {
		for _, limit := range []int{1, 2, 3, 5, 11, 25, 26, 27, 500} {
			var got []mlflow.Position
			for _, i := range list(t, s, mlflow.Range{ExperimentID: "1"}, limit) {
				got = append(got, mlflow.Position{Timestamp: i.Timestamp, ID: i.ID})
			}
			require.Equal(t, want, got, "pages of %d", limit)
		}
		for _, p := range want { // tags of one never come to another
			found, err := s.Lookup(t.Context(), "", []string{p.ID})
			require.NoError(t, err)
			require.Len(t, found, 1, p.ID)
			require.Equal(t, []mlflow.KeyValue{{Key: "own", Value: p.ID}}, found[0].Tags)
			if other := strings.ToUpper(p.ID); other != p.ID {
				found, err = s.Lookup(t.Context(), "", []string{other})
				require.NoError(t, err)
				require.Empty(t, found, other)
			}
		}
	}
	t.Run("SQLite", func(t *testing.T) { check(t, open(t, "sqlite:///"+path, options)) })
	each(t, func(t *testing.T, db *databases.Server) {
		copied := db.Copy(t, path)
		check(t, open(t, db.URI(databases.Admin, copied), options))
	})
}
