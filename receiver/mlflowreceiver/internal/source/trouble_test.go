// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
)

// TestPatience: quotas, a warehouse that starts slowly and a workspace that is away for a moment
// are waited for.
func TestPatience(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 25; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	var mu sync.Mutex
	left := map[string]int{"batchGet": 4, "search-long-running": 3, "operations": 2}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.RunningPolls = 5 })
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		for name := range left {
			if strings.Contains(r.URL.Path, name) && left[name] > 0 {
				left[name]--
				switch left[name] % 3 {
				case 0:
					return &databrickstest.Fault{Status: http.StatusServiceUnavailable, Code: "TEMPORARILY_UNAVAILABLE",
						Body: "The SQL warehouse is starting"}
				case 1:
					return &databrickstest.Fault{Status: http.StatusTooManyRequests, Code: "REQUEST_LIMIT_EXCEEDED",
						Body: "Too many requests"}
				}
				return &databrickstest.Fault{Reset: true}
			}
		}
		return nil
	})
	s := settings(w)
	traces, skipped, _ := read(t, open(t, s), mlflow.Range{ExperimentID: x}, 50)
	require.Len(t, traces, 25)
	require.Empty(t, skipped)
	require.Equal(t, map[string]int{"batchGet": 0, "search-long-running": 0, "operations": 0}, left)
	require.GreaterOrEqual(t, s.Observer.(*heard).retries, 6)
}

// TestColdWarehouse: a SQL warehouse that has to start is waited for, by searches and by what reads
// whole traces.
func TestColdWarehouse(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 25; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	src := open(t, settings(w))
	cold := databrickstest.Warehouse{ID: warehouse, State: "STOPPED", StartsIn: 300 * time.Millisecond}
	w.SetWarehouse(cold)
	infos, err := src.Infos(context.Background(), mlflow.Range{ExperimentID: x}, mlflow.Position{}, 50)
	require.NoError(t, err)
	require.Len(t, infos, 25)
	require.NotZero(t, w.Count(http.MethodGet, "/api/4.0/mlflow/traces/search/operations/"))
	w.SetWarehouse(cold)
	read := 0
	require.NoError(t,
		src.Traces(context.Background(), infos, func(int, *mlflow.Trace, *mlflow.Skip) error { read++; return nil }))
	require.Equal(t, 25, read)
	require.Equal(t, "RUNNING", w.WarehouseState(warehouse))
}

// TestQuotas: the workspace's quotas are never reached, so that nobody else is refused because of
// us.
func TestQuotas(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	for i := 1; i <= 60; i++ {
		w.AddRows(spans, row(i, 1, 0, nil))
	}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.SearchesPerSecond, s.DownloadsPerSecond = 25, 200 })
	traces, _, _ := read(t, open(t, settings(w)), mlflow.Range{ExperimentID: x}, 1)
	require.Len(t, traces, 60)
	require.Greater(t, w.Count(http.MethodPost, "/api/4.0/mlflow/traces/search-long-running"), 50)
	for _, r := range w.Requests() {
		require.NotEqual(t, http.StatusTooManyRequests, r.Status)
	}
}

// TestRefusals: what is wrong is said once, in words that name the key.
func TestRefusals(t *testing.T) {
	ctx := context.Background()
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddToken("other", "other@example.com")
	for _, c := range []struct {
		name   string
		change func(*Settings)
		kind   rest.Kind
		text   string
	}{
		{"wrong token", func(s *Settings) { s.Databricks.SignIn.Credentials.Token = "wrong" },
			rest.KindCredentials, "databricks::auth"},
		{"no grant", func(s *Settings) { s.Databricks.SignIn.Credentials.Token = "other" }, rest.KindPermission,
			"User does not have"},
		{"no warehouse", func(s *Settings) { s.Databricks.Warehouse = "" }, rest.KindRequest, "set sql_warehouse_id"},
		{"wrong secret", func(s *Settings) {
			s.Databricks.SignIn.Credentials = signin.Credentials{ClientID: "app", ClientSecret: "wrong"}
		}, rest.KindCredentials, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := settings(w)
			c.change(&s)
			src := open(t, s)
			_, err := src.Infos(ctx, mlflow.Range{ExperimentID: x}, mlflow.Position{}, 10)
			var e *rest.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.kind, e.Kind, e.Error())
			require.ErrorContains(t, err, c.text)
			require.True(t, e.Permanent())
			require.NotContains(t, err.Error(), "wrong")
			require.Zero(t, s.Observer.(*heard).retries)
		})
	}
	w.SetMLflow(func(s *databrickstest.MLflowSwitches) { s.NoSearchV4 = true })
	_, err := open(t, settings(w)).Infos(ctx, mlflow.Range{ExperimentID: x}, mlflow.Position{}, 10)
	require.ErrorContains(t, err,
		"Unity Catalog (main.traces.agent), and this workspace has no route to search there yet")

	d, err := open(t, settings(w)).Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, mlflow.Description{Kind: "MLflow on Databricks", Location: w.URL()}, d)
}
