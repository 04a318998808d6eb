// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

// days adds traces of many days to two experiments, some without a duration, and returns what they
// sum up to.
func days(s *mlflowtest.Server, experiments ...string) (sums map[mlflow.Day]mlflow.Counts,
	untimed map[mlflow.Day]int64) {
	sums, untimed = map[mlflow.Day]mlflow.Counts{}, map[mlflow.Day]int64{}
	for i := range 300 {
		t := s.Synthetic(experiments[i%len(experiments)], i, 1+i%3, 1)
		t.Timestamp = 1_700_000_000_000 + int64(i)*int64(i)*700_000
		t.Duration = int64(i) * 37 % 1000
		if t.Untimed = i%17 == 0; t.Untimed {
			t.Duration = 0
			untimed[mlflow.DayOf(t.Timestamp)]++
		}
		s.Add(t)
		sum := sums[mlflow.DayOf(t.Timestamp)]
		sums[mlflow.DayOf(t.Timestamp)] = mlflow.Counts{Traces: sum.Traces + 1, Duration: sum.Duration + t.Duration}
	}
	return sums, untimed
}

func TestDaily(t *testing.T) {
	s := newServer(t, "3.17.2")
	sums, untimed := days(s, "1", "2")
	other := s.Synthetic("3", 999, 1, 1)
	s.Add(other)
	c := newClient(t, s.URL(), nil)
	got, err := c.Daily(t.Context(), []string{"1", "2"}, 0, 0)
	require.NoError(t, err)
	require.Len(t, got, len(sums))
	for day, sum := range sums {
		sum.Untimed = untimed[day]
		require.True(t, got[day].Agrees(sum), "%s: %+v, %+v", day, got[day], sum)
		sum.Duration++
		require.False(t, got[day].Agrees(sum))
	}
	require.Equal(t, 2, s.Count(""), "two requests for all days and experiments")

	// A part of the time, without its upper bound.
	first := mlflow.DayOf(1_700_000_000_000)
	got, err = c.Daily(t.Context(), []string{"1", "2"}, first.Start(), (first + 1).Start())
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, sums[first].Traces, got[first].Traces)
	got, err = c.Daily(t.Context(), []string{"3"}, other.Timestamp, other.Timestamp)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = c.Daily(t.Context(), []string{"3"}, other.Timestamp+1, 0)
	require.NoError(t, err)
	require.Empty(t, got)
	got, err = c.Daily(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	require.Empty(t, got)
	require.Equal(t, 5, s.Count("traces/metrics"), "nothing is asked twice, and no mean of nothing")
}

func TestSpanCount(t *testing.T) {
	s := newServer(t, "3.17.2")
	for i := range 30 {
		s.Add(s.Synthetic([]string{"1", "2"}[i%2], i, 3, 1))
	}
	artifact := s.Synthetic("1", 30, 5, 1)
	artifact.Typed = nil // its spans lie in a file
	s.Add(artifact)
	c := newClient(t, s.URL(), nil)
	for want, x := range map[int64][]string{90: {"1", "2"}, 45: {"2"}, 0: nil} {
		n, err := c.SpanCount(t.Context(), x, 0, 0)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := c.SpanCount(t.Context(), []string{"1", "2"}, artifact.Timestamp-100, artifact.Timestamp)
	require.NoError(t, err)
	require.EqualValues(t, 30, n)
	require.Equal(t, 3, s.Count(""))
}

// TestAggregateUnsupported: what a server can't count is ErrUnsupported and is not asked for again;
// what it answers wrongly is an error.
func TestAggregateUnsupported(t *testing.T) {
	const files = `{"error_code": "FEATURE_DISABLED", "message": "not supported with FileStore."}`
	for name, tt := range map[string]struct {
		version, message string
		fault            *mlflowtest.Fault
		requests         int
	}{
		"2.14.3":    {"2.14.3", "before MLflow 3.9", nil, 1},
		"3.4.0":     {"3.4.0", "before MLflow 3.9", nil, 1},
		"files":     {"3.17.2", "in files", &mlflowtest.Fault{Status: 500, Body: files}, 1},
		"forbidden": {"3.17.2", "lack the permission", &mlflowtest.Fault{Status: 403, Body: "no"}, 3},
		"refused": {"3.17.2", "no such view", &mlflowtest.Fault{Status: 400,
			Body: `{"error_code": "INVALID_PARAMETER_VALUE", "message": "no such view"}`}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, tt.version)
			s.SetFault(func(*http.Request) *mlflowtest.Fault { return tt.fault })
			c := newClient(t, s.URL(), nil)
			_, err := c.Daily(t.Context(), []string{"0"}, 0, 0)
			require.ErrorIs(t, err, mlflow.ErrUnsupported)
			require.ErrorContains(t, err, tt.message)
			_, err = c.SpanCount(t.Context(), []string{"0"}, 0, 0)
			require.ErrorIs(t, err, mlflow.ErrUnsupported)
			n, err := c.Count(t.Context(), mlflow.Range{ExperimentID: "0"})
			require.NoError(t, err)
			require.EqualValues(t, -1, n)
			require.Equal(t, tt.requests, s.Count("traces/metrics")+s.Count("other"))
		})
	}

	point := func(day string) string {
		return fmt.Sprintf(`{"dimensions": {"time_bucket": %q}, "values": {"COUNT": 1, "AVG": 2}}`, day)
	}
	for name, tt := range map[string]struct{ body, message string }{
		"cut": {`{"data_points": [` + strings.Repeat(point("2026-03-02T00:00:00+00:00")+",", maxPoints-1) +
			point("2026-03-02T00:00:00+00:00") + `]}`, "10000 days and may have left out others"},
		"more":     {`{"data_points": [], "next_page_token": "x"}`, "may have left out others"},
		"no day":   {`{"data_points": [` + point("2026-03-02T00:00:01+00:00") + `]}`, "no day in UTC"},
		"a zone":   {`{"data_points": [` + point("2026-03-02T00:00:00+02:00") + `]}`, "no day in UTC"},
		"no time":  {`{"data_points": [` + point("Monday") + `]}`, `by "Monday", which`},
		"not JSON": {`{"data_points": 5}`, "can't be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "3.17.2")
			s.SetFault(func(*http.Request) *mlflowtest.Fault { return &mlflowtest.Fault{Status: 200, Body: tt.body} })
			_, err := newClient(t, s.URL(), nil).Daily(t.Context(), []string{"0"}, 0, 0)
			require.NotErrorIs(t, err, mlflow.ErrUnsupported)
			require.ErrorContains(t, err, tt.message)
		})
	}
}
