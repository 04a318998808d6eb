// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
)

func everything(all []mlflow.Experiment) ([]mlflow.Experiment, error) { return all, nil }

func open(t *testing.T, server *mlflowtest.Server) mlflow.Source {
	t.Helper()
	u, err := rest.ParseURL(server.URL())
	require.NoError(t, err)
	c, err := rest.New(rest.Config{URL: u, HTTP: http.DefaultClient, Concurrency: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestFindings(t *testing.T) {
	server := mlflowtest.New("3.17.2")
	defer server.Close()
	server.AddExperiment(mlflowtest.Experiment{ID: "1", Name: "mixed"}, mlflowtest.Experiment{ID: "2", Name: "buckets"})
	for i := range 20 {
		server.Add(server.Synthetic("1", i, 2, 100))
	}
	running := server.Synthetic("1", 20, 1, 10)
	running.State = "IN_PROGRESS"
	server.Add(running)
	for i := 100; i < 103; i++ { // artifacts that are not there, and no database either
		trace := server.Synthetic("2", i, 2, 100)
		trace.Artifact, trace.Typed = nil, nil
		delete(trace.Tags, "mlflow.trace.spansLocation")
		trace.Tags["mlflow.artifactLocation"] = "s3://bucket/2/" + trace.ID
		server.Add(trace)
	}
	f, err := Run(t.Context(), Settings{Source: open(t, server), Select: everything, To: 1 << 42})
	require.NoError(t, err)
	require.Len(t, f.Experiments, 3)
	require.Zero(t, f.Experiments[0].Traces, "the default experiment is empty")

	mixed := f.Experiments[1]
	require.Equal(t, int64(21), mixed.Traces)
	require.Equal(t, int64(1), mixed.InProgress)
	require.Equal(t, map[string]int64{"database": 21}, mixed.Eras)
	require.Equal(t, map[string]bool{"database": true}, mixed.Reachable)
	require.Empty(t, mixed.Problems)

	buckets := f.Experiments[2]
	require.Equal(t, map[string]int64{"artifacts": 3}, buckets.Eras)
	require.Equal(t, map[string]bool{"artifacts": false}, buckets.Reachable)
	require.Len(t, buckets.Problems, 1)
	require.InDelta(t, 0.24, f.QuotaSeconds, 1e-9)
	require.Positive(t, f.SourceSeconds)
}

func TestExperimentThatIsForbiddenIsAProblemOfItsOwn(t *testing.T) {
	server := mlflowtest.New("3.17.2")
	defer server.Close()
	server.Add(server.Synthetic("0", 1, 1, 10))
	server.SetFault(func(r *http.Request) *mlflowtest.Fault {
		if mlflowtest.Route(r.URL.Path) != "traces/search" {
			return nil
		}
		return &mlflowtest.Fault{Status: http.StatusForbidden,
			Body: `{"error_code":"PERMISSION_DENIED","message":"Permission denied"}`}
	})
	f, err := Run(t.Context(), Settings{Source: open(t, server), Select: everything, To: 1 << 42})
	require.NoError(t, err)
	require.Len(t, f.Experiments[0].Problems, 1)
}
