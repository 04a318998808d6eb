// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

// filled returns a server with n traces in the experiment 0, and a client of it.
func filled(t *testing.T, version string, n int, configure func(*Config)) (*mlflowtest.Server, *Client) {
	s := newServer(t, version)
	for i := range n {
		s.Add(s.Synthetic("0", i, 3, 100))
	}
	return s, newClient(t, s.URL(), configure)
}

func TestTracesOfEachEra(t *testing.T) {
	for _, version := range versions {
		s, c := filled(t, version, 60, nil)
		infos := all(t, c, "0", 500)
		for id, o := range traces(t, c, infos) {
			require.Nil(t, o.skip, id)
			require.Len(t, o.trace.Spans, 3)
		}
		if s.Count("traces/batchGet") == 0 {
			require.Equal(t, 60, s.Count("get-trace-artifact"), version)
		} else {
			require.Equal(t, 3, s.Count("traces/batchGet"), version)
			require.Zero(t, s.Count("get-trace-artifact"), version)
		}
	}
}

// TestBadTraces: each costs itself only, and gets its reason.
func TestBadTraces(t *testing.T) {
	type change = func(*mlflowtest.Trace)
	tag := func(key, value string) change { return func(t *mlflowtest.Trace) { t.Tags[key] = value } }
	moved := tag("mlflow.trace.spansLocation", "ARTIFACT_REPO")
	both := func(list ...change) change {
		return func(t *mlflowtest.Trace) {
			for _, f := range list {
				f(t)
			}
		}
	}
	lost := func(t *mlflowtest.Trace) { t.Artifact, t.Typed = nil, nil }
	for name, tt := range map[string]struct {
		change
		fault  *mlflowtest.Fault // for the artifact route of this trace
		want   mlflow.Reason     // empty: it is read
		detail string
	}{
		"partial":             {change: func(t *mlflowtest.Trace) { t.Partial = true }},
		"not in the database": {change: func(t *mlflowtest.Trace) { t.Typed = nil }},
		"artifact era":        {change: both(moved, func(t *mlflowtest.Trace) { t.Typed = nil })},
		"archived":            {change: tag("mlflow.trace.spansLocation", "ARCHIVE_REPO")},
		"no spans anywhere": {change: both(lost, func(t *mlflowtest.Trace) {
			delete(t.Metadata, "mlflow.trace_schema.version")
		}), want: mlflow.ReasonNoSpans, detail: "an info and no spans"},
		"in progress, no file": {change: both(moved, lost, func(t *mlflowtest.Trace) { t.State = "IN_PROGRESS" }),
			want: mlflow.ReasonNoSpans, detail: "in progress"},
		"empty list": {change: func(t *mlflowtest.Trace) {
			t.Typed, t.Artifact = []byte("[]"), []byte(`{"spans":[]}`)
		}, want: mlflow.ReasonNoSpans},
		"file gone": {change: both(moved, lost), want: mlflow.ReasonArtifactMissing},
		"file truncated": {change: both(moved, func(t *mlflowtest.Trace) { t.Artifact = t.Artifact[:200] }),
			want: mlflow.ReasonCorrupt},
		"file garbage": {change: both(moved, func(t *mlflowtest.Trace) {
			t.Artifact = []byte("\x1f\x8bgarbage")
		}), want: mlflow.ReasonCorrupt},
		"file cut": {change: both(moved, func(t *mlflowtest.Trace) { t.Artifact = t.Artifact[:len(t.Artifact)/2] }),
			want: mlflow.ReasonCorrupt},
		"file empty": {change: both(moved, func(t *mlflowtest.Trace) { t.Artifact = []byte{} }),
			want: mlflow.ReasonCorrupt},
		"file corrupt, old": {change: moved,
			fault: &mlflowtest.Fault{Status: 500,
				Body: `{"error_code":"INVALID_STATE","message":"Trace data is corrupted for path=x"}`},
			want: mlflow.ReasonCorrupt},
		"typed form broken": {change: func(t *mlflowtest.Trace) { t.Typed = []byte(`["no span"]`) }},
		"bucket": {change: both(moved, lost, tag("mlflow.artifactLocation", "s3://models/7/traces")),
			want: mlflow.ReasonUnreachable, detail: "s3://models,"},
		"bucket, server fails": {change: both(moved, tag("mlflow.artifactLocation", "gs://x/1")),
			fault: &mlflowtest.Fault{Status: 500}, want: mlflow.ReasonUnreachable, detail: "gs://x"},
		"announced too large": {change: func(t *mlflowtest.Trace) {
			t.Metadata["mlflow.trace.sizeBytes"] = "99999999"
		}, want: mlflow.ReasonTooLarge, detail: "99999999 bytes, allowed are 100000 (max_trace_size_mib)"},
		"larger than announced": {change: func(t *mlflowtest.Trace) {
			t.Artifact = append(t.Artifact, bytes.Repeat([]byte(" "), 200_000)...)
			t.Typed = bytes.Replace(t.Typed, []byte("lorem"), bytes.Repeat([]byte("lorem"), 50_000), 1)
		}, want: mlflow.ReasonTooLarge},
		"forbidden": {change: moved, fault: &mlflowtest.Fault{Status: 403, Body: "Permission denied"},
			want: mlflow.ReasonForbidden},
		"500 for ever": {change: moved, fault: &mlflowtest.Fault{Status: 500}, want: mlflow.ReasonSourceError,
			detail: "fails for this trace"},
		"kills the worker": {change: moved, fault: &mlflowtest.Fault{Reset: true}, want: mlflow.ReasonSourceError},
		"deleted, as 3.17": {change: moved, fault: &mlflowtest.Fault{Status: 404,
			Body: recorded(t, "3.17.2-artifact-unknown.json")}, want: mlflow.ReasonVanished},
		"deleted, as 2.22": {change: moved, fault: &mlflowtest.Fault{Status: 404,
			Body: recorded(t, "2.22.5-artifact-unknown.json")}, want: mlflow.ReasonVanished},
		"missing, as 2.22": {change: moved, fault: &mlflowtest.Fault{Status: 404,
			Body: recorded(t, "2.22.5-artifact-missing.json")}, want: mlflow.ReasonArtifactMissing},
		"not exported, as 3.6": {change: moved,
			fault: &mlflowtest.Fault{Status: 500, Body: recorded(t, "3.6.0-artifact-unknown.json")},
			want:  mlflow.ReasonSourceError, detail: "not all spans of the trace were exported"},
		"gzip bomb": {change: moved, fault: &mlflowtest.Fault{Status: 200,
			Header: http.Header{"Content-Encoding": {"gzip"}}, Body: bomb()}, want: mlflow.ReasonTooLarge},
		"odd id": {change: func(t *mlflowtest.Trace) { t.ID = "my id/?&ü%1+#" }},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := filled(t, "3.17.2", 40, func(cfg *Config) { cfg.MaxTraceBytes = 100_000 })
			bad := s.Synthetic("0", 17, 3, 100)
			s.Remove(bad.ID)
			tt.change(&bad)
			s.Add(bad)
			s.SetFault(func(r *http.Request) *mlflowtest.Fault {
				if r.URL.Query().Get("request_id") == bad.ID {
					return tt.fault
				}
				return nil
			})
			infos := all(t, c, "0", 500)
			require.Len(t, infos, 40)
			for id, o := range traces(t, c, infos) {
				if id != bad.ID || tt.want == "" {
					require.Nil(t, o.skip, "%s", id)
					require.Len(t, o.trace.Spans, 3)
					continue
				}
				require.NotNil(t, o.skip)
				assert.Equal(t, tt.want, o.skip.Reason, o.skip)
				assert.Contains(t, o.skip.Error(), tt.detail)
			}
		})
	}
}

// bomb is a small body that unpacks to 50 MB.
func bomb() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	block := []byte(strings.Repeat(" ", 1<<20))
	for range 50 {
		_, _ = z.Write(block)
	}
	_ = z.Close()
	return b.String()
}

// TestFailuresThatPass: a trace is given up after three times three failures, between which the server
// answered other questions.
func TestFailuresThatPass(t *testing.T) {
	for name, fault := range map[string]mlflowtest.Fault{"500": {Status: 500}, "502": {Status: 502}} {
		for failures, skipped := range map[int]bool{8: false, 9: true} {
			t.Run(fmt.Sprintf("%s %d", name, failures), func(t *testing.T) {
				s, c := filled(t, "2.22.5", 3, nil)
				infos := all(t, c, "0", 500)
				var asked atomic.Int32
				s.SetFault(func(r *http.Request) *mlflowtest.Fault {
					if r.URL.Query().Get("request_id") != infos[1].ID || int(asked.Add(1)) > failures {
						return nil
					}
					return &fault
				})
				got := traces(t, c, infos)
				require.Equal(t, skipped, got[infos[1].ID].skip != nil)
				require.EqualValues(t, min(failures+1, 9), asked.Load())
			})
		}
	}
}

func TestPoisonCostsFewRequests(t *testing.T) {
	s, c := filled(t, "3.17.2", 100, nil)
	infos := all(t, c, "0", 500)
	s.Change(infos[40].ID, func(t *mlflowtest.Trace) { t.Typed, t.Artifact = nil, nil })
	got := traces(t, c, infos)
	require.Equal(t, mlflow.ReasonArtifactMissing, got[infos[40].ID].skip.Reason)
	require.LessOrEqual(t, s.Count("traces/batchGet"), 4+10)
	require.Equal(t, 1, s.Count("get-trace-artifact"))
}

func TestDeletedWhileReading(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.6.0", "3.17.2"} {
		s, c := filled(t, version, 30, nil)
		infos := all(t, c, "0", 500)
		s.Remove(infos[3].ID)
		got := traces(t, c, infos)
		require.Equal(t, mlflow.ReasonVanished, got[infos[3].ID].skip.Reason, version)
	}
}

// TestRoutesThatAreMissing: a server before 3.6 that holds traces of a later one (a store that was
// opened again), and proxies that let only /api pass.
func TestRoutesThatAreMissing(t *testing.T) {
	t.Run("batchGet", func(t *testing.T) {
		for _, version := range []string{"3.2.0", "3.4.0"} {
			s := newServer(t, version)
			later := mlflowtest.NewUnstarted("3.17.2")
			for i := range 5 {
				s.Add(later.Synthetic("0", i, 1, 1))
			}
			c := newClient(t, s.URL(), nil)
			for id, o := range traces(t, c, all(t, c, "0", 500)) {
				require.Nil(t, o.skip, id)
			}
			require.LessOrEqual(t, s.Count("traces/batchGet"), 2)
		}
	})
	for _, version := range []string{"2.22.5", "3.17.2"} {
		t.Run("ajax-api "+version, func(t *testing.T) {
			s, c := filled(t, version, 5, nil)
			infos := all(t, c, "0", 500)
			s.Change(infos[2].ID, func(t *mlflowtest.Trace) { t.Partial = true })
			s.SetFault(func(r *http.Request) *mlflowtest.Fault {
				if strings.HasPrefix(r.URL.Path, "/ajax-api") {
					return &mlflowtest.Fault{Status: 404, Body: "<html>nginx</html>"}
				}
				return nil
			})
			for id, o := range traces(t, c, infos) {
				require.Nil(t, o.skip, id)
			}
			require.LessOrEqual(t, s.Count("get-trace-artifact"), 2)
		})
	}
}

// TestServerAwayBehindAGateway: a gateway without its server answers everything with a page, which is 404 for some. No
// route counts as missing for that, so that nothing is skipped once the server is back.
func TestServerAwayBehindAGateway(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.4.0", "3.17.2"} {
		t.Run(version, func(t *testing.T) {
			s := newServer(t, version)
			for i := range 20 {
				trace := s.Synthetic("0", i, 1, 1)
				trace.Tags["mlflow.artifactLocation"] = "s3://bucket/0/" + trace.ID
				s.Add(trace)
			}
			c := newClient(t, s.URL(), nil)
			infos := all(t, c, "0", 500)
			s.SetFault(func(*http.Request) *mlflowtest.Fault {
				return &mlflowtest.Fault{Status: 404, Body: "<html>default backend - 404</html>"}
			})
			_, err := readTraces(t.Context(), c, infos)
			require.ErrorContains(t, err, "no such route")
			_, err = c.Daily(t.Context(), []string{"0"}, 0, 0)
			require.Error(t, err)
			require.NotErrorIs(t, err, mlflow.ErrUnsupported)
			s.SetFault(nil)
			for id, o := range traces(t, c, infos) {
				require.Nil(t, o.skip, id)
			}
			require.Equal(t, version == "3.17.2", s.Count("traces/batchGet") > 1, "spans come in batches again")
		})
	}
}

// TestUnreadableBucket: a store whose spans all lie where the server can't read is not asked for
// each of them, and one that can be read is.
func TestUnreadableBucket(t *testing.T) {
	for readable, want := range map[bool]mlflow.Reason{false: mlflow.ReasonUnreachable,
		true: mlflow.ReasonArtifactMissing} {
		s := newServer(t, "3.4.0")
		for i := range 300 {
			trace := s.Synthetic("0", i, 1, 1)
			trace.Tags["mlflow.artifactLocation"] = "s3://bucket/" + trace.ID
			if !readable || i > 0 {
				trace.Artifact = nil
			}
			s.Add(trace)
		}
		c := newClient(t, s.URL(), func(cfg *Config) { cfg.Concurrency = 1 })
		for _, o := range traces(t, c, all(t, c, "0", 500)) {
			if o.skip != nil {
				require.Equal(t, want, o.skip.Reason)
			}
		}
		if readable {
			require.Equal(t, 300, s.Count("get-trace-artifact"))
		} else {
			require.Equal(t, bucketFailures, s.Count("get-trace-artifact"))
		}
	}
}

// TestErrorsOfTheServer: what concerns all traces is an error, never a list of skipped traces.
func TestErrorsOfTheServer(t *testing.T) {
	for name, tt := range map[string]struct {
		fault mlflowtest.Fault
		kind  Kind
	}{
		"credentials expired": {mlflowtest.Fault{Status: 401}, KindCredentials},
		"login page": {mlflowtest.Fault{Status: 200, Body: "<html>login</html>",
			Header: http.Header{"Content-Type": {"text/html"}}}, KindCredentials},
		"broken server": {mlflowtest.Fault{Status: 500}, KindServer},
		"down for good": {mlflowtest.Fault{Status: 503}, KindUnavailable},
	} {
		for _, version := range []string{"2.22.5", "3.17.2"} {
			t.Run(name+" "+version, func(t *testing.T) {
				s, c := filled(t, version, 60, func(cfg *Config) { cfg.Retry.MaxElapsedTime = 50 * time.Millisecond })
				infos := all(t, c, "0", 500)
				s.SetFault(func(r *http.Request) *mlflowtest.Fault {
					if mlflowtest.Route(r.URL.Path) == "traces/search" {
						return nil
					}
					return &tt.fault
				})
				got, err := readTraces(t.Context(), c, infos)
				require.Equal(t, tt.kind, kindOf(err), "%v", err)
				require.LessOrEqual(t, len(got), maxBlame+2)
			})
		}
	}
}

func TestLargeTracesTravelAlone(t *testing.T) {
	s := newServer(t, "3.17.2")
	for i := range 100 {
		trace := s.Synthetic("0", i, 1, 200_000)
		if i%2 == 0 {
			delete(trace.Metadata, "mlflow.trace.sizeBytes") // not announced
		}
		s.Add(trace)
	}
	c := newClient(t, s.URL(), nil)
	for id, o := range traces(t, c, all(t, c, "0", 500)) {
		require.Nil(t, o.skip, id)
	}
	require.Greater(t, s.Count("traces/batchGet"), 4)

	huge := newServer(t, "3.17.2") // a batch that would pass the bound of an answer
	for i := range 30 {
		trace := huge.Synthetic("0", i, 1, 1_000_000)
		delete(trace.Metadata, "mlflow.trace.sizeBytes")
		huge.Add(trace)
	}
	h := newClient(t, huge.URL(), func(cfg *Config) { cfg.Concurrency = 1 })
	for id, o := range traces(t, h, all(t, h, "0", 500)) {
		require.Nil(t, o.skip, id)
	}
	require.Less(t, h.chunk.Load(), int32(maxChunk))
}

func TestYieldStops(t *testing.T) {
	for _, version := range []string{"2.22.5", "3.17.2"} {
		_, c := filled(t, version, 200, func(cfg *Config) { cfg.Concurrency = 4 })
		infos := all(t, c, "0", 500)
		full := errors.New("full")
		n := 0
		require.ErrorIs(t, c.Traces(t.Context(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error {
			n++
			if n == 3 {
				return full
			}
			return nil
		}), full)
		require.Equal(t, 3, n)

		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		require.ErrorIs(t, c.Traces(ctx, infos, func(int, *mlflow.Trace, *mlflow.Skip) error {
			cancel(stop)
			return nil
		}), stop)
	}
}

// TestManyCallers: several goroutines share the bound of requests in flight, and a slow one doesn't
// hold a slot.
func TestManyCallers(t *testing.T) {
	var requests sync.Map
	s, c := filled(t, "3.17.2", 400, func(cfg *Config) {
		cfg.Concurrency = 2
		cfg.Hooks.Request = func(r Request) {
			n, _ := requests.LoadOrStore(fmt.Sprint(r.Route, " ", r.Status, " ", r.Bytes > 0 && r.Duration > 0),
				new(int))
			_ = n
		}
	})
	infos := all(t, c, "0", 500)
	release := make(chan struct{})
	var wg sync.WaitGroup
	slow := make(chan error, 1)
	wg.Go(func() {
		slow <- c.Traces(t.Context(), infos[:100],
			func(int, *mlflow.Trace, *mlflow.Skip) error { <-release; return nil })
	})
	for k := 1; k < 4; k++ {
		wg.Go(func() {
			got, err := readTraces(t.Context(), c, infos[k*100:(k+1)*100])
			assert.NoError(t, err)
			assert.Len(t, got, 100)
			if k == 3 {
				close(release)
			}
		})
	}
	wg.Wait()
	require.NoError(t, <-slow)
	require.LessOrEqual(t, s.MaxInFlight("traces/batchGet"), 2)
	_, ok := requests.Load("traces/batchGet 200 true")
	require.True(t, ok)
}

// TestRandomTrouble: with faults and broken traces all over, each trace comes exactly once and the
// sound ones come whole.
func TestRandomTrouble(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		s, c := filled(t, []string{"2.22.5", "3.4.0", "3.6.0", "3.17.2"}[seed%4], 150,
			func(cfg *Config) { cfg.Concurrency = 3 })
		infos := all(t, c, "0", 500)
		broken := map[string]bool{}
		for _, i := range infos {
			if rnd.IntN(12) == 0 {
				broken[i.ID] = true
				s.Change(i.ID, func(t *mlflowtest.Trace) { t.Artifact, t.Typed = nil, nil })
			}
		}
		var mu sync.Mutex
		s.SetFault(func(r *http.Request) *mlflowtest.Fault {
			mu.Lock()
			defer mu.Unlock()
			switch rnd.IntN(20) {
			case 0:
				return &mlflowtest.Fault{Status: 503}
			case 1:
				return &mlflowtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"0"}}}
			}
			return nil
		})
		for id, o := range traces(t, c, infos) {
			require.Equal(t, broken[id], o.skip != nil, "%s: %v", id, o.skip)
		}
	}
}

func TestRequestsPerSecond(t *testing.T) {
	_, c := filled(t, "2.22.5", 10, func(cfg *Config) { cfg.RequestsPerSecond = 100 })
	infos := all(t, c, "0", 500)
	start := time.Now()
	traces(t, c, infos)
	require.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
}
