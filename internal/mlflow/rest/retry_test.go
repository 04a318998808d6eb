// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

// TestRetry runs the loop against scripted failures on a virtual clock.
func TestRetry(t *testing.T) {
	lost := &Error{Kind: KindUnavailable, again: network}
	fault := &Error{Kind: KindServer, again: capped}
	busy := &Error{Kind: KindUnavailable, again: waiting}
	asked := &Error{Kind: KindUnavailable, again: waiting, after: 45 * time.Second}
	final := &Error{Kind: KindRequest}
	many := func(e *Error, n int) (list []*Error) {
		for range n {
			list = append(list, e)
		}
		return list
	}
	for name, tt := range map[string]struct {
		failures []*Error
		patience patience
		limit    time.Duration
		disabled bool
		tries    int
		fails    bool
		atLeast  time.Duration
	}{
		"at once": {tries: 1},
		"final":   {failures: many(final, 9), tries: 1, fails: true},
		"network passes": {failures: many(lost, 50), patience: patient, tries: 51,
			atLeast: 10 * time.Minute},
		"network, one trace": {failures: many(lost, 50), patience: single, tries: 3, fails: true},
		"500 passes":         {failures: many(fault, 4), patience: patient, tries: 5},
		"500 stays":          {failures: many(fault, 50), patience: patient, tries: 5, fails: true},
		"mixed": {failures: append(many(lost, 9), many(fault, 4)...),
			patience: patient, tries: 14},
		"overload passes": {failures: many(busy, 50), patience: splits, tries: 51},
		"Retry-After": {failures: many(asked, 2), patience: patient, tries: 3,
			atLeast: 90 * time.Second},
		"max_elapsed_time": {failures: many(lost, 50), patience: patient, limit: time.Minute,
			tries: 6, fails: true},
		"Retry-After beyond the limit": {failures: many(asked, 50), patience: patient, limit: time.Minute,
			tries: 2, fails: true},
		"disabled": {failures: many(lost, 50), patience: patient, disabled: true,
			tries: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hooked := 0
				c := newClient(t, "http://127.0.0.1:1", func(cfg *Config) {
					cfg.Retry = configretry.BackOffConfig{Enabled: !tt.disabled, InitialInterval: time.Second,
						MaxInterval: 30 * time.Second, Multiplier: 2, MaxElapsedTime: tt.limit}
					cfg.Hooks.Retry = func(*Error, time.Duration) { hooked++ }
				})
				start, tries := time.Now(), 0
				err := c.retry(t.Context(), tt.patience, func() *Error {
					tries++
					if tries <= len(tt.failures) {
						return tt.failures[tries-1]
					}
					return nil
				})
				require.Equal(t, tt.fails, err != nil, "%v", err)
				require.Equal(t, tt.tries, tries)
				require.Equal(t, tries-1, hooked)
				require.GreaterOrEqual(t, time.Since(start), tt.atLeast)
			})
		})
	}
}

func TestRetryStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, "http://127.0.0.1:1",
			func(cfg *Config) { cfg.Retry.InitialInterval, cfg.Retry.MaxInterval = time.Hour, time.Hour })
		stop := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stop) })
		start := time.Now()
		err := c.retry(ctx, patient, func() *Error { return &Error{again: network} })
		require.ErrorIs(t, err, stop)
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for header, want := range map[string]time.Duration{
			"":                     0,
			"7":                    7 * time.Second,
			"0":                    0,
			"-3":                   0,
			"1.5":                  0,
			"soon":                 0,
			"86400":                maxRetryAfter,
			"18446744073709551615": maxRetryAfter,
			"18446744073709551616": maxRetryAfter,
			time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat): 20 * time.Second,
			time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat):       0,
			time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat):   maxRetryAfter,
		} {
			require.Equal(t, want, retryAfter(header), header)
		}
	})
}

// TestFaultsThatPass: each kind of request gets over what passes.
func TestFaultsThatPass(t *testing.T) {
	for name, f := range map[string]mlflowtest.Fault{
		"reset":   {Reset: true},
		"cut off": {Truncate: 3},
		// framed as a whole answer, of which a part is missing
		"cut in a string":         {Status: 200, Body: `{"traces": [{"trace_id": "tr-`},
		"cut behind an element":   {Status: 200, Body: `{"traces": [{}`},
		"cut behind an \\ escape": {Status: 200, Body: `{"traces": "}\\\"}`},
		"nothing":                 {Status: 200, Body: ""},

		"429":      {Status: 429, Header: http.Header{"Retry-After": {"0"}}},
		"500":      {Status: 500, Body: "<title>Internal Server Error</title>"},
		"502":      {Status: 502},
		"503":      {Status: 503},
		"504":      {Status: 504},
		"deadlock": {Status: 500, Body: `{"error_code":"TEMPORARILY_UNAVAILABLE","message":"database is locked"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "3.17.2")
			for i := range 30 {
				trace := s.Synthetic("0", i, 2, 10)
				trace.Partial = i == 3 // by the artifact route
				s.Add(trace)
			}
			n := map[string]int{}
			s.SetFault(func(r *http.Request) *mlflowtest.Fault { // the first of each route fails
				route := mlflowtest.Route(r.URL.Path)
				if n[route]++; n[route] == 1 {
					return &f
				}
				return nil
			})
			c := newClient(t, s.URL(), func(cfg *Config) { cfg.Concurrency = 1 })
			experiments, err := c.Experiments(t.Context())
			require.NoError(t, err)
			require.Len(t, experiments, 1)
			count, err := c.Count(t.Context(), mlflow.Range{ExperimentID: "0"})
			require.NoError(t, err)
			require.EqualValues(t, 30, count)
			infos := all(t, c, "0", 100)
			require.Len(t, infos, 30)
			looked, err := c.Lookup(t.Context(), "", []string{infos[0].ID, infos[29].ID})
			require.NoError(t, err)
			require.Len(t, looked, 2)
			for id, o := range traces(t, c, infos) {
				require.Nil(t, o.skip, id)
			}
		})
	}
}
