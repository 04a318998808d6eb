// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// shards are the processes that share a backfill, each with a folder of its own.
type shards struct {
	source string
	dir    string
	sink   *otlpsink.Sink
	count  int
	change func(collector.Config)
}

// folder is where a shard keeps everything.
func (s shards) folder(index int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d-of-%d", index, s.count))
}

// positions are the storage folders of all shards.
func (s shards) positions() (folders []any) {
	for i := range s.count {
		folders = append(folders, filepath.Join(s.folder(i), "position"))
	}
	return folders
}

// config is the configuration of a shard. imports is what is imported; nil for nothing.
func (s shards) config(t testing.TB, index int, imports any) collector.Config {
	t.Helper()
	require.NoError(t, os.MkdirAll(s.folder(index), 0o700))
	shard := map[string]any{"index": "${env:POD_INDEX}", "count": "${env:SHARDS}"}
	if imports != nil {
		shard["import"] = imports
	}
	c := collector.Backfill(s.source, s.folder(index)).ToOTLP(s.sink.URL, nil).Set("receivers::mlflow::shard", shard)
	if s.change != nil {
		s.change(c)
	}
	return c
}

// start starts a shard.
func (s shards) start(t testing.TB, index int, imports any) *collector.Process {
	t.Helper()
	return s.startWith(t, index, s.config(t, index, imports))
}

// startWith is start with a configuration.
func (s shards) startWith(t testing.TB, index int, c collector.Config) *collector.Process {
	t.Helper()
	text, err := json.MarshalIndent(c, "", "  ")
	require.NoError(t, err)
	path := filepath.Join(s.folder(index), "config.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	env := []string{fmt.Sprint("POD_INDEX=", index), fmt.Sprint("SHARDS=", s.count)}
	return collector.Command(t, s.folder(index), env, collector.Default(), "--config", path)
}

// run runs all shards at the same time, to their end.
func (s shards) run(t testing.TB, imports any) {
	t.Helper()
	var all []*collector.Process
	for i := range s.count {
		all = append(all, s.start(t, i, imports))
	}
	for i, p := range all {
		p.Done(0)
		assert.Contains(t, p.Out(), "complete: ")
		if s.count > 1 {
			assert.Contains(t, p.Out(), fmt.Sprintf("; this is shard %d of %d (index %d)", i+1, s.count, i))
		}
	}
}

// shardReport is what the report of a shard tells.
type shardReport struct {
	Receivers []struct {
		Shard *struct {
			Index int `json:"index"`
			Count int `json:"count"`
		} `json:"shard"`
		Experiments []struct {
			ID          string `json:"id"`
			SourceCount int64  `json:"source_count"`
			Run         struct {
				Read int64 `json:"read"`
			} `json:"run"`
			Earlier struct {
				Read int64 `json:"read"`
			} `json:"earlier_runs"`
		} `json:"experiments"`
	} `json:"receivers"`
}

// reports requires that each shard has read as many traces as the source counts of its windows, and returns the
// sum.
func (s shards) reports(t testing.TB) (counted int64) {
	t.Helper()
	for i := range s.count {
		b, err := os.ReadFile(filepath.Join(s.folder(i), "report.json"))
		require.NoError(t, err)
		var r shardReport
		require.NoError(t, json.Unmarshal(b, &r))
		require.Len(t, r.Receivers, 1)
		if s.count > 1 {
			require.NotNil(t, r.Receivers[0].Shard)
			assert.Equal(t, i, r.Receivers[0].Shard.Index)
			assert.Equal(t, s.count, r.Receivers[0].Shard.Count)
		} else {
			assert.Nil(t, r.Receivers[0].Shard)
		}
		for _, x := range r.Receivers[0].Experiments {
			counted += x.SourceCount
			assert.Equal(t, x.SourceCount, x.Run.Read+x.Earlier.Read, "shard %d, experiment %s", i, x.ID)
		}
	}
	return counted
}

// lists counts the requests that list traces on their way to an MLflow server.
type lists struct {
	*httptest.Server
	requests atomic.Int64
}

func newLists(t testing.TB, to string) *lists {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	l := &lists{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if r.In.Method == http.MethodPost && strings.HasSuffix(r.In.URL.Path, "/traces/search") {
			l.requests.Add(1)
		}
		r.SetURL(target)
	}}
	l.Server = httptest.NewServer(proxy)
	t.Cleanup(l.Close)
	return l
}

// Two and three shards read what one reader reads, each trace once, and list a server as often as it does. The
// traces lie on ten days.
func TestShardsOfServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := copyOf(t, sample, dir)
	want := store.spans()
	s, err := start(mlflowserver.Database, dir)
	require.NoError(t, err)
	small := func(c collector.Config) { c.Set("receivers::mlflow::page_size", 3) }
	listed := map[int]int64{}
	for count := 1; count <= 3; count++ {
		l := newLists(t, s.URL)
		all := shards{source: l.URL, dir: t.TempDir(), sink: otlpsink.New(t), count: count, change: small}
		all.run(t, nil)
		requireSpans(t, want, all.sink.Spans())
		requireOnce(t, all.sink.Spans())
		all.reports(t)
		listed[count] = l.requests.Load()
		l.Close()
	}
	t.Logf("requests that list traces, by the number of shards: %v", listed)
	for count := 2; count <= 3; count++ {
		assert.LessOrEqual(t, float64(listed[count]), 1.1*float64(listed[1]), "%d shards", count)
	}
}

// A backfill that two shards have begun goes on with three, and then with one: nothing is lost, and nothing is
// repeated but what the killed one had in work. Another count without an import is refused.
func TestResharding(t *testing.T) {
	t.Parallel()
	path := grown(t)
	want := openStore(t, path).spans()
	sink, dir := otlpsink.New(t), t.TempDir()
	small := func(c collector.Config) {
		c.Set("receivers::mlflow::page_size", unit).Set("receivers::mlflow::concurrency", concurrency)
	}
	of := func(count int) shards {
		return shards{source: "sqlite:///" + path, dir: dir, sink: sink, count: count, change: small}
	}
	two, three, one := of(2), of(3), of(1)

	two.start(t, 0, nil).Done(0)
	first := sink.Distinct()
	require.Positive(t, first)
	p := two.start(t, 1, nil)
	eventually(t, func() bool { return sink.Distinct() > first+len(want)/10 || p.Ended() }, "the second shard delivers")
	p.Kill()
	require.Less(t, sink.Distinct(), len(want), "the run was over before it could be killed")

	refused := three.startWith(t, 0, three.config(t, 0, nil).
		Set("extensions::file_storage::directory", two.positions()[0]))
	refused.Done(1)
	assert.Contains(t, refused.Logs(), "the storage holds the position of shard 1 of 2 (index 0), and this one reads "+
		"shard 1 of 3 (index 0)")
	missing := three.start(t, 0, two.positions()[:1])
	missing.Done(1)
	assert.Contains(t, missing.Logs(), "the folder of shard 2 of 2 (index 1) is missing")
	none := three.start(t, 0, []any{two.positions()[0], filepath.Join(dir, "none")})
	none.Done(1)
	assert.Contains(t, none.Logs(), "there is no folder "+filepath.Join(dir, "none"))

	three.run(t, two.positions())
	requireSpans(t, want, sink.Spans())
	repeated := otlpsink.Repeated(sink.Spans())
	t.Logf("%d traces were sent again after a kill", repeated)
	require.LessOrEqual(t, repeated, unitsAtRisk*unit)
	counted := three.reports(t)

	requests := sink.Requests()
	last := one.start(t, 0, three.positions())
	last.Done(0)
	assert.Contains(t, last.Out(), fmt.Sprintf("complete: nothing new; %d traces with ", counted))
	again := one.start(t, 0, three.positions()) // what is written stays without effect
	again.Done(0)
	assert.Contains(t, again.Out(), "complete: nothing new; ")
	assert.Equal(t, requests, sink.Requests())

	over := three.start(t, 0, "none")
	over.Done(0)
	assert.Contains(t, over.Out(), "complete: nothing new; ")
	over = three.startWith(t, 0, three.config(t, 0, "none").
		Set("extensions::file_storage::directory", three.positions()[1]))
	over.Done(0)
	assert.Contains(t, over.Out(), "this is shard 1 of 3 (index 0)")
	assert.Greater(t, sink.Requests(), requests, "it started over")
}

// Shards of a database server read each trace once.
func TestShardsOfDatabase(t *testing.T) {
	db := databases.Need(t, databases.Postgres)
	t.Parallel()
	name := db.New(t)
	s, err := start(mlflowserver.Database, filepath.Join(work, name+"-"+db.Kind), "--store",
		db.URI(databases.Admin, name))
	require.NoError(t, err)
	id, want := experiment(t, s, t.Name()), map[otlpsink.SpanKey]bool{}
	for day := range 9 {
		begin := time.Now().Add(-time.Duration(day+1) * 24 * time.Hour)
		for k := range seed(t, s, mlflowserver.Login{}, id, 4, begin) {
			want[k] = true
		}
	}
	all := shards{source: db.URI(db.Reader(t, name), name), dir: t.TempDir(), sink: otlpsink.New(t), count: 3}
	all.run(t, nil)
	requireSpans(t, want, all.sink.Spans())
	requireOnce(t, all.sink.Spans())
	assert.EqualValues(t, 36, all.reports(t))
}
