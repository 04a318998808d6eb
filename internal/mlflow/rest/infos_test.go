// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

// at returns a trace with that id and time.
func at(s *mlflowtest.Server, id string, ms int64) mlflowtest.Trace {
	t := s.Synthetic("0", 0, 1, 1)
	t.ID, t.Timestamp = id, ms
	return t
}

func TestInfosPages(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.17.2"} {
		for _, tt := range []struct{ page, limit int }{{500, 500}, {500, 7}, {10, 500}, {3, 3}, {1, 1}, {2, 1}} {
			t.Run(fmt.Sprintf("%s page %d limit %d", version, tt.page, tt.limit), func(t *testing.T) {
				s := newServer(t, version)
				want := 0
				for ms, n := range []int{1, 1, 1, 5, 1, 12, 1, 1, 4, 0, 30} { // traces in one millisecond
					for k := range n {
						s.Add(at(s, fmt.Sprintf("tr-%02x-%d", k*7%31, ms), 1_700_000_000_000+int64(ms)))
						want++
					}
				}
				c := newClient(t, s.URL(), func(cfg *Config) { cfg.PageSize = tt.page })
				require.Len(t, all(t, c, "0", tt.limit), want)
			})
		}
	}
}

// TestInfosWhileOthersWrite: whatever is inserted or deleted between two requests, each trace that
// was there all the time is listed, and none twice.
func TestInfosWhileOthersWrite(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := newServer(t, []string{"2.14.3", "3.4.0", "3.17.2"}[seed%3])
		stays := map[string]bool{}
		var others []string
		add := func(prefix string, n int) string {
			id := fmt.Sprintf("%s%d-%d", prefix, rnd.IntN(1000), n)
			s.Add(at(s, id, 1_700_000_000_000+rnd.Int64N(60)))
			return id
		}
		for n := range 200 {
			if n%3 == 0 {
				others = append(others, add("other-", n))
			} else {
				stays[add("stays-", n)] = true
			}
		}
		next := 1000
		s.SetFault(func(r *http.Request) *mlflowtest.Fault {
			for range rnd.IntN(6) {
				if rnd.IntN(2) == 0 && len(others) > 0 {
					s.Remove(others[0])
					others = others[1:]
				} else {
					next++
					others = append(others, add("other-", next))
				}
			}
			return nil
		})
		c := newClient(t, s.URL(), func(cfg *Config) { cfg.PageSize = 5 + rnd.IntN(20) })
		seen := map[string]bool{}
		for _, i := range all(t, c, "0", 1+rnd.IntN(30)) {
			require.False(t, seen[i.ID], "twice: %s", i.ID)
			seen[i.ID] = true
		}
		for id := range stays {
			require.True(t, seen[id], "seed %d: missed %s", seed, id)
		}
	}
}

func TestInfosRangeAndFilter(t *testing.T) {
	s := newServer(t, "3.17.2")
	for i := range 50 {
		trace := s.Synthetic("0", i, 1, 1)
		if i%2 == 1 {
			trace.State = "ERROR"
		}
		s.Add(trace)
	}
	c := newClient(t, s.URL(), func(cfg *Config) { cfg.PageSize = 10 })
	const zero = 1_700_000_000_000
	r := mlflow.Range{ExperimentID: "0", From: zero + 100, To: zero + 300, Filter: " status = 'ERROR' "}
	infos, err := c.Infos(t.Context(), r, mlflow.Position{}, 100)
	require.NoError(t, err)
	require.Equal(t, int64(zero+110), infos[0].Timestamp)
	n := len(infos)
	for len(infos) > 0 {
		last := infos[len(infos)-1]
		require.Less(t, last.Timestamp, r.To)
		infos, err = c.Infos(t.Context(), r, mlflow.Position{Timestamp: last.Timestamp, ID: last.ID}, 100)
		require.NoError(t, err)
		n += len(infos)
	}
	require.Equal(t, 10, n)

	empty, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: "0", From: 7, To: 7}, mlflow.Position{}, 100)
	require.NoError(t, err)
	require.Empty(t, empty)
	unknown, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: "404"}, mlflow.Position{}, 100)
	require.NoError(t, err)
	require.Empty(t, unknown)

	for want, r := range map[int64]mlflow.Range{
		50: {ExperimentID: "0"},
		20: {ExperimentID: "0", From: zero + 100, To: zero + 300},
		0:  {ExperimentID: "0", From: 9, To: 9},
		-1: {ExperimentID: "0", Filter: "status = 'OK'"},
	} {
		got, err := c.Count(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	old := newServer(t, "3.4.0")
	for range 2 {
		got, err := newClient(t, old.URL(), nil).Count(t.Context(), mlflow.Range{ExperimentID: "0"})
		require.NoError(t, err)
		require.EqualValues(t, -1, got)
	}
}

// TestInfosFewRequests: listing costs one request per page and not one more per trace.
// Traces dated before 1970, where no range begins earlier, are neither listed nor counted, however many there are.
func TestTracesBefore1970(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			s := newServer(t, version)
			for i := range 300 {
				trace := s.Synthetic("0", i, 1, 1)
				if i > 0 {
					trace.Timestamp = -int64(i)
				}
				s.Add(trace)
			}
			c := newClient(t, s.URL(), nil)
			r := mlflow.Range{ExperimentID: "0", To: time.Now().UnixMilli()}
			infos, err := c.Infos(t.Context(), r, mlflow.Position{}, 100)
			require.NoError(t, err)
			require.Len(t, infos, 1)
			exactly, err := c.Exactly(t.Context(), r, 1)
			require.NoError(t, err)
			require.True(t, exactly)
		})
	}
}

func TestInfosFewRequests(t *testing.T) {
	s := newServer(t, "3.17.2")
	for i := range 2000 {
		s.Add(s.Synthetic("0", i, 1, 1))
	}
	c := newClient(t, s.URL(), nil)
	require.Len(t, all(t, c, "0", 500), 2000)
	require.LessOrEqual(t, s.Count("traces/search"), 8)
}

func TestExperimentsAndWorkspace(t *testing.T) {
	s := newServer(t, "3.17.2")
	s.SetPrefix("/ml/flow")
	for i := range 2500 {
		s.AddExperiment(mlflowtest.Experiment{ID: strconv.Itoa(i + 1), Name: fmt.Sprintf("team %d", i),
			Created: int64(i) + 5, Deleted: i%10 == 0})
	}
	c := newClient(t, s.URL(), func(cfg *Config) { cfg.Workspace = "red" })
	list, err := c.Experiments(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 2501)
	require.Equal(t, mlflow.Experiment{ID: "1", Name: "team 0", Created: 5, Deleted: true}, list[1])
	for _, r := range s.Requests() {
		require.Equal(t, "red", r.Header.Get("X-Mlflow-Workspace"))
		require.True(t, strings.HasPrefix(r.Path, "/ml/flow/api/"))
	}
}

func TestLookup(t *testing.T) {
	for _, version := range versions {
		s := newServer(t, version)
		var ids []string
		for i := range 250 {
			trace := s.Synthetic("0", i, 1, 1)
			s.Add(trace)
			ids = append(ids, trace.ID, "unknown-"+trace.ID)
		}
		odd := at(s, "my id?&ü%1", 1)
		s.Add(odd)
		infos, err := newClient(t, s.URL(), nil).Lookup(t.Context(), "", append(ids, odd.ID, "", "..", "a/b"))
		require.NoError(t, err)
		require.Len(t, infos, 251, version)
	}
}

// TestLookupHidden: servers with permissions refuse a whole request for one trace that the caller
// may not see.
func TestLookupHidden(t *testing.T) {
	s := newServer(t, "3.17.2")
	var ids []string
	for i := range 60 {
		trace := s.Synthetic("0", i, 1, 1)
		s.Add(trace)
		ids = append(ids, trace.ID)
	}
	s.SetFault(func(r *http.Request) *mlflowtest.Fault {
		if strings.Contains(body(r), ids[17]) {
			return &mlflowtest.Fault{Status: http.StatusForbidden, Body: "Permission denied"}
		}
		return nil
	})
	c := newClient(t, s.URL(), nil)
	infos, err := c.Lookup(t.Context(), "", ids)
	require.NoError(t, err)
	require.Len(t, infos, 59)
}

// TestUnreadableInfos: an info without an id or a time that can be read costs its trace, and no
// other; it is named.
func TestUnreadableInfos(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.17.2"} {
		for name, x := range map[string]struct {
			odd    func(doc map[string]any)
			detail string
		}{
			"no id": {func(doc map[string]any) { delete(doc, "trace_id"); delete(doc, "request_id") }, "it has no id"},
			"no time": {func(doc map[string]any) { delete(doc, "request_time"); delete(doc, "timestamp_ms") },
				"its time is missing or is no time"},
			"odd time": {func(doc map[string]any) { doc["request_time"], doc["timestamp_ms"] = "+9999-01", "soon" },
				"its time is missing or is no time"},
		} {
			for _, n := range []int{0, 7, 10, 29} { // which trace: also the first and the last of a page
				t.Run(fmt.Sprintf("%s %s %d", version, name, n), func(t *testing.T) {
					s := newServer(t, version)
					for i := range 30 {
						s.Add(s.Synthetic("0", i, 2, 10))
					}
					bad := s.Synthetic("0", n, 2, 10).ID
					c := newClient(t, s.URL(), func(cfg *Config) {
						cfg.PageSize = 10
						cfg.HTTP.Transport = editing{cfg.HTTP.Transport, func(doc map[string]any) {
							list, _ := doc["traces"].([]any)
							for _, e := range list {
								info, _ := e.(map[string]any)
								if info["trace_id"] == bad || info["request_id"] == bad {
									x.odd(info)
								}
							}
						}}
					})
					infos := all(t, c, "0", 500)
					require.Len(t, infos, 30)
					var skipped []string
					for id, o := range traces(t, c, infos) {
						if o.skip != nil {
							skipped = append(skipped, id)
							require.Equal(t, "corrupt: the info of the trace can't be read: "+x.detail, o.skip.Error())
						}
					}
					require.Len(t, skipped, 1)
					if name != "no id" {
						require.Equal(t, bad, skipped[0])
					}
				})
			}
		}
	}
}

// editing changes the documents of a server on their way.
type editing struct {
	http.RoundTripper
	edit func(doc map[string]any)
}

func (e editing) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := e.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK || mlflowtest.Route(r.URL.Path) != "traces/search" {
		return res, err
	}
	defer res.Body.Close()
	var doc map[string]any
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		return nil, err
	}
	e.edit(doc)
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return res, nil
}

// body returns the body of a request, which can still be read.
func body(r *http.Request) string {
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(doc))
	return string(doc)
}
