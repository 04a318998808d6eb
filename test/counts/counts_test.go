// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package counts compares what sources count with what they list, on real servers and on the stores
// underneath, and the answers of the scripted server with those of real ones.
package counts

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // driver

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

var versions = flag.String("versions", mlflowserver.Oldest+","+mlflowserver.Database,
	"MLflow versions to compare; there must be a store of each in testdata")

// lab is a server over a store, read both ways.
type lab struct {
	*testing.T
	version     string
	url         string
	rest        *rest.Client
	requests    atomic.Int64
	store       *store.Store
	db          *sql.DB
	experiments []mlflow.Experiment
	ids         []string // of the experiments
}

// has reports whether the server is of that version of MLflow 3 or later.
func (l *lab) has(minor int) bool {
	var major, have int
	_, err := fmt.Sscanf(l.version, "%d.%d", &major, &have)
	require.NoError(l, err)
	return major == 3 && have >= minor
}

// asked returns the number of requests since the last call.
func (l *lab) asked() int { return int(l.requests.Swap(0)) }

func TestCounts(t *testing.T) {
	for version := range strings.SplitSeq(*versions, ",") {
		t.Run(version, func(t *testing.T) {
			l := start(t, version)
			listed := map[string][]mlflow.Info{}
			for _, x := range l.ids {
				listed[x] = l.list(x)
			}
			l.daily(listed)
			l.spans()
			for _, x := range l.ids {
				l.exactly(x, listed[x])
				l.ended(x, listed[x])
				l.lookup(x, listed[x])
			}
			l.scripted(listed)
		})
	}
}

// start starts a server over a copy of the store of its version in which some traces have no
// duration.
func start(t *testing.T, version string) *lab {
	dir := t.TempDir()
	name := filepath.Join("stores", version)
	if version == mlflowserver.Database {
		name = "sample" // has more traces
	}
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(collector.Root(), "testdata", name))))
	path := filepath.Join(dir, "mlflow.db")
	require.NoError(t, os.Chmod(path, 0o600))
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(60000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), "UPDATE trace_info SET execution_time_ms = NULL WHERE rowid % 10 = 3")
	require.NoError(t, err)
	server, err := mlflowserver.Start(version, dir)
	require.NoError(t, err)
	t.Cleanup(server.Stop)

	l := &lab{T: t, version: version, url: server.URL, db: db}
	address, err := rest.ParseURL(server.URL)
	require.NoError(t, err)
	l.rest, err = rest.New(rest.Config{URL: address, HTTP: &http.Client{Timeout: time.Minute},
		Hooks: rest.Hooks{Request: func(rest.Request) { l.requests.Add(1) }}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.rest.Close()) })
	_, err = l.rest.Describe(t.Context())
	require.NoError(t, err)
	l.store, err = store.Open(t.Context(), store.Target{Path: path}, store.Options{MaxTraceSize: 64 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.store.Close()) })

	l.experiments, err = l.rest.Experiments(t.Context())
	require.NoError(t, err)
	below, err := l.store.Experiments(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, below, l.experiments)
	for _, x := range l.experiments {
		require.Positive(t, x.Created)
		l.ids = append(l.ids, x.ID)
	}
	slices.Sort(l.ids)
	return l
}

// shape is what every method of every source must tell of a trace. Answers of the older routes don't
// tell that there is no duration.
func (l *lab) shape(i mlflow.Info) mlflow.Info {
	return mlflow.Info{ID: i.ID, ExperimentID: i.ExperimentID, Timestamp: i.Timestamp, Duration: i.Duration,
		State: i.State, Untimed: i.Untimed && l.has(2)}
}

func (l *lab) list(experiment string) []mlflow.Info {
	read := func(s mlflow.Source) (infos, shapes []mlflow.Info) {
		var after mlflow.Position
		for {
			page, err := s.Infos(l.Context(), mlflow.Range{ExperimentID: experiment}, after, 60)
			require.NoError(l, err)
			if len(page) == 0 {
				return infos, shapes
			}
			for _, i := range page {
				infos, shapes = append(infos, i), append(shapes, l.shape(i))
				after = mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
			}
		}
	}
	infos, byServer := read(l.rest)
	_, byStore := read(l.store)
	require.Equal(l, byStore, byServer)
	return infos
}

// daily compares the counts of all experiments together and of each.
func (l *lab) daily(listed map[string][]mlflow.Info) {
	for _, ids := range append([][]string{l.ids}, slices.Collect(slices.Chunk(l.ids, 1))...) {
		want, untimed := map[mlflow.Day]mlflow.Counts{}, map[mlflow.Day]int64{}
		for _, x := range ids {
			for _, i := range listed[x] {
				day := mlflow.DayOf(i.Timestamp)
				c := want[day]
				want[day] = mlflow.Counts{Traces: c.Traces + 1, Duration: c.Duration + i.Duration}
				if i.Untimed {
					untimed[day]++
				}
			}
		}
		byStore, err := l.store.Daily(l.Context(), ids, 0, 0)
		require.NoError(l, err)
		require.Len(l, byStore, len(want))
		l.asked()
		byServer, err := l.rest.Daily(l.Context(), ids, 0, 0)
		require.LessOrEqual(l, l.asked(), 2)
		if !l.has(9) {
			require.ErrorIs(l, err, mlflow.ErrUnsupported)
			byServer = byStore
		} else {
			require.NoError(l, err)
		}
		require.Len(l, byServer, len(want))
		for day, c := range want {
			require.Equal(l, mlflow.DayCounts{Counts: c}, byStore[day])
			c.Untimed = untimed[day]
			require.True(l, byServer[day].Agrees(c), "%s: %+v, listed %+v", day, byServer[day], c)
			c.Duration++
			require.False(l, byServer[day].Agrees(c))
		}
	}
}

func (l *lab) spans() {
	l.asked()
	byServer, err := l.rest.SpanCount(l.Context(), l.ids, 0, 0)
	require.LessOrEqual(l, l.asked(), 1)
	if !l.has(9) {
		require.ErrorIs(l, err, mlflow.ErrUnsupported)
		return
	}
	require.NoError(l, err)
	byStore, err := l.store.SpanCount(l.Context(), l.ids, 0, 0)
	require.NoError(l, err)
	require.Equal(l, byStore, byServer)
	require.Positive(l, byServer)
}

func (l *lab) exactly(experiment string, infos []mlflow.Info) {
	failed := 0
	for _, i := range infos {
		if i.State == mlflow.StateError {
			failed++
		}
	}
	for filter, n := range map[string]int{"": len(infos), "status = 'ERROR'": failed} {
		for _, asked := range []int{n - 1, n, n + 1} {
			r := mlflow.Range{ExperimentID: experiment, Filter: filter}
			l.asked()
			for _, s := range []mlflow.Source{l.rest, l.store} {
				ok, err := s.Exactly(l.Context(), r, int64(asked))
				require.NoError(l, err)
				require.Equal(l, asked == n, ok, "%T %s %s: %d of %d", s, experiment, filter, asked, n)
			}
			require.LessOrEqual(l, l.asked(), 2)
		}
	}
}

func (l *lab) ended(experiment string, infos []mlflow.Info) {
	if len(infos) == 0 {
		return
	}
	since := infos[len(infos)/2].Timestamp + infos[len(infos)/2].Duration
	var want []mlflow.Info
	for _, i := range infos {
		if i.Timestamp+i.Duration >= since {
			want = append(want, l.shape(i))
		}
	}
	r := mlflow.Range{ExperimentID: experiment}
	for _, s := range []mlflow.Source{l.rest, l.store} {
		got, err := s.Ended(l.Context(), r, since, mlflow.Position{}, 500)
		if s == l.rest && !l.has(6) {
			require.ErrorIs(l, err, mlflow.ErrUnsupported)
			continue
		}
		require.NoError(l, err)
		for i := range got {
			got[i] = l.shape(got[i])
		}
		require.Equal(l, want, got)
	}
}

func (l *lab) lookup(experiment string, infos []mlflow.Info) {
	ids := []string{"tr-unknown"}
	var want []mlflow.Info
	listed := map[string][]any{}
	of := func(i mlflow.Info) []any { return []any{i.Spans, i.Final} }
	for _, i := range infos {
		ids, want, listed[i.ID] = append(ids, i.ID), append(want, l.shape(i)), of(i)
	}
	l.asked()
	for _, s := range []mlflow.Source{l.rest, l.store} {
		got, err := s.Lookup(l.Context(), experiment, ids)
		require.NoError(l, err)
		for i := range got {
			if s == l.rest || l.has(2) { // the older routes don't tell all
				require.Equal(l, listed[got[i].ID], of(got[i]))
			}
			got[i] = l.shape(got[i])
		}
		require.ElementsMatch(l, want, got)
	}
	require.LessOrEqual(l, l.asked(), 2)
}

// scripted loads the scripted server with the same traces and compares its answers with those of the
// real one.
func (l *lab) scripted(listed map[string][]mlflow.Info) {
	s := mlflowtest.New(l.version)
	l.Cleanup(s.Close)
	stored := map[string]int{}
	if l.has(4) {
		rows, err := l.db.QueryContext(l.Context(), "SELECT trace_id, count(*) FROM spans GROUP BY 1")
		require.NoError(l, err)
		defer rows.Close()
		for rows.Next() {
			var id string
			var n int
			require.NoError(l, rows.Scan(&id, &n))
			stored[id] = n
		}
		require.NoError(l, rows.Err())
	}
	busiest := ""
	for _, x := range l.ids {
		for _, i := range listed[x] {
			s.Add(mlflowtest.Trace{ID: i.ID, ExperimentID: x, Timestamp: i.Timestamp, Duration: i.Duration,
				Untimed: i.Untimed, State: string(i.State),
				Typed: json.RawMessage("[" + strings.TrimSuffix(strings.Repeat("{},", stored[i.ID]), ",") + "]")})
		}
		if len(listed[x]) >= len(listed[busiest]) {
			busiest = x
		}
	}
	infos := listed[busiest]
	middle := infos[len(infos)/2]
	for _, q := range metrics(l.ids, middle.Timestamp) {
		l.same(s, "/api/3.0/mlflow/traces/metrics", q)
	}
	token := func(n int) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, n))
	}
	for _, search := range []map[string]any{
		{"max_results": 1}, {"max_results": 1, "page_token": token(len(infos) - 1)},
		{"max_results": 1, "page_token": token(len(infos))}, {"max_results": 3, "page_token": token(len(infos) + 9)},
		{"max_results": 1, "page_token": "xx"},
		{"filter": fmt.Sprintf("end_time_ms >= %d", middle.Timestamp)},
		{"filter": fmt.Sprintf("end_time_ms >= %d AND status = 'ERROR'", middle.Timestamp)},
		{"filter": fmt.Sprintf("request_id IN ('%s', '%s', 'unknown')", infos[0].ID, middle.ID)},
		{"filter": fmt.Sprintf("timestamp_ms >= %d AND timestamp_ms < %d", infos[1].Timestamp, middle.Timestamp)},
	} {
		search["order_by"] = []string{"timestamp_ms ASC"}
		if l.has(2) {
			v3 := maps.Clone(search)
			v3["locations"] = []any{map[string]any{"type": "MLFLOW_EXPERIMENT",
				"mlflow_experiment": map[string]string{"experiment_id": busiest}}}
			l.same(s, "/api/3.0/mlflow/traces/search", v3)
		}
		v2 := url.Values{"experiment_ids": {busiest}}
		for k, v := range search {
			v2.Set(k, strings.Trim(fmt.Sprint(v), "[]"))
		}
		l.same(s, "/api/2.0/mlflow/traces?"+v2.Encode(), nil)
	}
}

// metrics are questions to the aggregation route.
func metrics(ids []string, middle int64) (list []map[string]any) {
	for _, metric := range []string{"TRACES trace_count COUNT", "TRACES latency AVG", "SPANS span_count COUNT",
		"TRACES latency SUM", "TRACES latency COUNT"} {
		m := strings.Fields(metric)
		for _, more := range []map[string]any{
			{}, {"start_time_ms": middle}, {"end_time_ms": middle}, {"end_time_ms": 5}, {"max_results": 0},
			{"start_time_ms": 0, "end_time_ms": middle, "time_interval_seconds": 86400},
			{"start_time_ms": middle, "end_time_ms": 253402300799999, "time_interval_seconds": 86400},
			{"start_time_ms": 0, "end_time_ms": middle, "time_interval_seconds": 3600, "max_results": 2},
			{"time_interval_seconds": 86400}, {"experiment_ids": []string{"404"}}, {"experiment_ids": ids[:1]},
		} {
			q := map[string]any{"experiment_ids": ids, "view_type": m[0], "metric_name": m[1],
				"aggregations": []any{map[string]string{"aggregation_type": m[2]}}}
			maps.Copy(q, more)
			list = append(list, q)
		}
	}
	return list
}

// answer is what must be the same of two answers.
type answer struct {
	Status int
	Code   string `json:"error_code"`
	Points []any  `json:"data_points"`
	Next   string `json:"next_page_token"`
	Traces []struct {
		V3 string `json:"trace_id"`
		V2 string `json:"request_id"`
	} `json:"traces"`
}

func (l *lab) same(s *mlflowtest.Server, path string, question map[string]any) {
	ask := func(base string) (a answer) {
		method, content := http.MethodGet, []byte(nil)
		if question != nil {
			doc, err := json.Marshal(question)
			require.NoError(l, err)
			method, content = http.MethodPost, doc
		}
		request, err := http.NewRequestWithContext(l.Context(), method, base+path, bytes.NewReader(content))
		require.NoError(l, err)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		require.NoError(l, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(l, err)
		if bytes.HasPrefix(body, []byte("{")) {
			require.NoError(l, json.Unmarshal(body, &a))
		}
		a.Status = response.StatusCode
		return a
	}
	require.Equal(l, ask(l.url), ask(s.URL()), "%s %v", path, question)
}
