// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

func TestExactly(t *testing.T) {
	for _, version := range versions {
		s := newServer(t, version)
		for i := range 40 {
			trace := s.Synthetic("0", i, 1, 1)
			if i%2 == 1 {
				trace.State = "ERROR"
			}
			s.Add(trace)
		}
		c := newClient(t, s.URL(), nil)
		const zero = 1_700_000_000_000
		for _, tt := range []struct {
			r mlflow.Range
			n int64
		}{
			{mlflow.Range{ExperimentID: "0"}, 40},
			{mlflow.Range{ExperimentID: "0", From: zero + 100, To: zero + 300}, 20},
			{mlflow.Range{ExperimentID: "0", From: zero + 100, To: zero + 300, Filter: "status = 'ERROR'"}, 10},
			{mlflow.Range{ExperimentID: "0", Filter: "status = 'IN_PROGRESS'"}, 0},
			{mlflow.Range{ExperimentID: "404"}, 0},
			{mlflow.Range{ExperimentID: "0", From: 5, To: 5}, 0},
		} {
			for n := tt.n - 2; n <= tt.n+2; n++ {
				before := s.Count("")
				ok, err := c.Exactly(t.Context(), tt.r, n)
				require.NoError(t, err)
				require.Equal(t, n == tt.n, ok, "%s: %+v %d", version, tt.r, n)
				if before > 0 { // the version of the routes is known
					require.LessOrEqual(t, s.Count("")-before, 2)
				}
			}
		}
		for _, r := range s.Requests() {
			require.Equal(t, "traces/search", r.Route)
		}
	}
}

// A gateway that shortens answers to one trace, or takes no notice of an offset, confirms no number.
func TestExactlyShortened(t *testing.T) {
	s := newServer(t, "2.14.3")
	s.SetFault(func(*http.Request) *mlflowtest.Fault {
		return &mlflowtest.Fault{Status: http.StatusOK, Body: `{"traces": [{"request_id": "tr-1"}]}`}
	})
	c := newClient(t, s.URL(), nil)
	for _, n := range []int64{1, 7} {
		ok, err := c.Exactly(t.Context(), mlflow.Range{ExperimentID: "0"}, n)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

// TestExactlyOpaque: where page tokens are no offsets nothing is concluded from them.
func TestExactlyOpaque(t *testing.T) {
	refused := `{"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid page token, decoded value=b'x'"}`
	for name, fault := range map[string]*mlflowtest.Fault{
		"refused": {Status: http.StatusBadRequest, Body: refused},
		"opaque": {Status: http.StatusOK, Body: `{"traces": [{"trace_id": "tr-1"}], ` +
			`"next_page_token": "c29tZXRoaW5n"}`},
		"other": {Status: http.StatusOK, Body: `{"traces": [{"trace_id": "tr-1"}], ` +
			`"next_page_token": "eyJvZmZzZXQiOiAxfQ=="}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "3.17.2")
			c := newClient(t, s.URL(), nil)
			ok, err := c.Exactly(t.Context(), mlflow.Range{ExperimentID: "0"}, 0)
			require.NoError(t, err)
			require.True(t, ok)
			s.SetFault(func(*http.Request) *mlflowtest.Fault { return fault })
			_, err = c.Exactly(t.Context(), mlflow.Range{ExperimentID: "0"}, 7)
			require.ErrorIs(t, err, mlflow.ErrUnsupported)
			require.ErrorContains(t, err, "page tokens are no offsets")
		})
	}
	s := newServer(t, "3.17.2")
	_, err := newClient(t, s.URL(), nil).Exactly(t.Context(), mlflow.Range{ExperimentID: "0", Filter: "x > y"}, 7)
	require.ErrorContains(t, err, "Invalid clause")
	require.NotErrorIs(t, err, mlflow.ErrUnsupported)
}

func TestEnded(t *testing.T) {
	const zero = 1_700_000_000_000
	for _, version := range []string{"3.6.0", "3.17.2"} {
		s := newServer(t, version)
		want := map[string]bool{}
		for i := range 60 {
			trace := s.Synthetic("0", i, 1, 1)
			trace.Duration = 0
			if i%7 == 3 {
				trace.Duration = int64(1000 - 10*i) // ends at zero+1000
				trace.State = "ERROR"
				want[trace.ID] = true
			}
			s.Add(trace)
		}
		c := newClient(t, s.URL(), func(cfg *Config) { cfg.PageSize = 5 })
		read := func(r mlflow.Range) (ids []string) {
			for at := (mlflow.Position{}); ; {
				page, err := c.Ended(t.Context(), r, zero+1000, at, 3)
				require.NoError(t, err)
				if len(page) == 0 {
					return ids
				}
				for _, i := range page {
					require.True(t, want[i.ID], i.ID)
					ids, at = append(ids, i.ID), mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
				}
			}
		}
		require.Len(t, read(mlflow.Range{ExperimentID: "0"}), len(want))
		require.Len(t, read(mlflow.Range{ExperimentID: "0", To: zero + 300}), 4)
		require.Len(t, read(mlflow.Range{ExperimentID: "0", Filter: " status = 'ERROR' "}), len(want))
		require.Empty(t, read(mlflow.Range{ExperimentID: "0", Filter: "status = 'OK'"}))
		_, err := c.Ended(t.Context(), mlflow.Range{ExperimentID: "0", Filter: "x > y"}, 5, mlflow.Position{}, 3)
		require.ErrorContains(t, err, "Invalid clause")
	}
	for _, version := range []string{"2.14.3", "3.1.4", "3.4.0"} {
		s := newServer(t, version)
		c := newClient(t, s.URL(), nil)
		for range 3 {
			_, err := c.Ended(t.Context(), mlflow.Range{ExperimentID: "0"}, zero, mlflow.Position{}, 3)
			require.ErrorIs(t, err, mlflow.ErrUnsupported)
		}
		require.LessOrEqual(t, s.Count(""), 2, "the question is not repeated")
	}
}

// TestRecent: several experiments in one request, by the end of traces where the server searches by it.
func TestRecent(t *testing.T) {
	const zero = 1_700_000_000_000
	for version, byEnd := range map[string]bool{
		"2.14.3": false, "3.1.4": false, "3.4.0": false, "3.6.0": true, "3.17.2": true,
	} {
		t.Run(version, func(t *testing.T) {
			s := newServer(t, version)
			var want []string
			for i := range 60 {
				trace := s.Synthetic(strconv.Itoa(i%3), i, 1, 1)
				trace.Duration, trace.State = int64(i%4*200), "OK"
				s.Add(trace)
				from := trace.Timestamp
				if byEnd {
					from += trace.Duration
				}
				if i%3 < 2 && trace.Timestamp >= zero+100 && from >= zero+500 {
					want = append(want, strconv.Itoa(i%3)+" "+trace.ID)
				}
			}
			c := newClient(t, s.URL(), func(cfg *Config) { cfg.PageSize = 7 })
			of := mlflow.Recency{Experiments: []string{"0", "1"}, From: zero + 100, Since: zero + 500}
			var got []string
			for at := (mlflow.Position{}); ; {
				page, err := c.Recent(t.Context(), of, at, 5)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				for _, i := range page {
					got = append(got, i.ExperimentID+" "+i.ID)
					at = mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
				}
			}
			require.NotEmpty(t, want)
			require.ElementsMatch(t, want, got)
			of.Since = zero + 1_000_000
			before := s.Count("")
			page, err := c.Recent(t.Context(), of, mlflow.Position{}, 5)
			require.NoError(t, err)
			require.Empty(t, page)
			require.Equal(t, 1, s.Count("")-before, "one request when there is nothing")
			of.Filter = "x > y"
			_, err = c.Recent(t.Context(), of, mlflow.Position{}, 5)
			require.Error(t, err)
		})
	}
}

// TestEndedFiles: servers that keep traces in files fail where the end is asked for, and work
// otherwise; a server that fails always is an error.
func TestEndedFiles(t *testing.T) {
	for _, broken := range []bool{false, true} {
		s := newServer(t, "3.17.2")
		s.SetFault(func(r *http.Request) *mlflowtest.Fault {
			if broken || strings.Contains(body(r), endField) {
				return &mlflowtest.Fault{Status: http.StatusInternalServerError, Body: "<h1>Internal Server Error</h1>"}
			}
			return nil
		})
		c := newClient(t, s.URL(), nil)
		c.api.Store(apiV3)
		for range 2 {
			_, err := c.Ended(t.Context(), mlflow.Range{ExperimentID: "0"}, 5, mlflow.Position{}, 3)
			require.Error(t, err)
			require.Equal(t, !broken, unsupported(err), err)
		}
	}
}

// TestLookupBySearch: servers without bulk lookups are asked for many traces at once where the
// experiment is known.
func TestLookupBySearch(t *testing.T) {
	for version, requests := range map[string]int{"2.14.3": 5, "2.22.5": 5, "3.4.0": 5, "3.6.0": 5, "3.17.2": 4} {
		s := newServer(t, version)
		var ids []string
		for i := range 320 {
			trace := s.Synthetic("0", i, 1, 1)
			s.Add(trace)
			ids = append(ids, trace.ID)
		}
		odd := at(s, "it's \"odd\", ü", 1)
		s.Add(odd)
		c := newClient(t, s.URL(), nil)
		_, err := c.version(t.Context())
		require.NoError(t, err)
		before := s.Count("")
		infos, err := c.Lookup(t.Context(), "0", append(ids, "unknown"))
		require.NoError(t, err)
		require.Len(t, infos, 320, version)
		require.LessOrEqual(t, s.Count("")-before, requests, version)
		infos, err = c.Lookup(t.Context(), "0", []string{odd.ID, ids[0], ids[1], "unknown", "..", ""})
		require.NoError(t, err)
		require.Len(t, infos, 3, version)
		for _, r := range s.Requests() {
			require.Less(t, len(r.Path)+len(r.Query), 4000, "the request line of old servers is bounded")
		}
	}
}
