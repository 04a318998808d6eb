// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var versions = []string{"2.14.3", "2.22.5", "3.1.4", "3.4.0", "3.6.0", "3.17.2"}

// quick retries so fast that tests needn't wait.
var quick = configretry.BackOffConfig{Enabled: true, InitialInterval: time.Millisecond,
	MaxInterval: 2 * time.Millisecond, Multiplier: 1.5}

func newServer(t *testing.T, version string) *mlflowtest.Server {
	s := mlflowtest.New(version)
	t.Cleanup(s.Close)
	return s
}

// newClient returns a client of the server with fast retries; configure may change its
// configuration.
func newClient(t *testing.T, address string, configure func(*Config)) *Client {
	u, err := ParseURL(address)
	require.NoError(t, err)
	transport := &http.Transport{}
	cfg := Config{URL: u, HTTP: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		Retry: quick, Concurrency: 2}
	if configure != nil {
		configure(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		transport.CloseIdleConnections()
	})
	return c
}

type outcome struct {
	trace *mlflow.Trace
	skip  *mlflow.Skip
}

// all reads every info of an experiment.
func all(t *testing.T, c *Client, experiment string, limit int) []mlflow.Info {
	var infos []mlflow.Info
	var at mlflow.Position
	for {
		page, err := c.Infos(t.Context(), mlflow.Range{ExperimentID: experiment}, at, limit)
		require.NoError(t, err)
		if len(page) == 0 {
			return infos
		}
		require.LessOrEqual(t, len(page), limit)
		for _, i := range page {
			p := mlflow.Position{Timestamp: i.Timestamp, ID: i.ID}
			require.True(t, at.Less(p), "order: %v, then %v", at, p)
			at = p
		}
		infos = append(infos, page...)
	}
}

// traces reads the spans and checks that each trace is handed over exactly once.
func traces(t *testing.T, c *Client, infos []mlflow.Info) map[string]outcome {
	got, err := readTraces(t.Context(), c, infos)
	require.NoError(t, err)
	require.Len(t, got, len(infos))
	return got
}

func readTraces(ctx context.Context, c *Client, infos []mlflow.Info) (map[string]outcome, error) {
	got := map[string]outcome{}
	err := c.Traces(ctx, infos, func(i int, trace *mlflow.Trace, skip *mlflow.Skip) error {
		if _, twice := got[infos[i].ID]; twice || (trace == nil) == (skip == nil) {
			panic("contract of yield")
		}
		got[infos[i].ID] = outcome{trace, skip}
		return nil
	})
	return got, err
}

func TestFixturesOfAllVersions(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			s := newServer(t, version)
			experiment, err := s.AddFixtures(filepath.Join("..", "testdata", version))
			require.NoError(t, err)
			c := newClient(t, s.URL(), nil)

			d, err := c.Describe(t.Context())
			require.NoError(t, err)
			require.Equal(t, mlflow.Description{Kind: "MLflow server", Location: s.URL(), Version: version}, d)

			experiments, err := c.Experiments(t.Context())
			require.NoError(t, err)
			require.Len(t, experiments, 2)

			infos := all(t, c, experiment, 3)
			require.NotEmpty(t, infos)
			var ids []string
			for _, i := range infos {
				ids = append(ids, i.ID)
			}
			looked, err := c.Lookup(t.Context(), "", append(ids, "tr-unknown"))
			require.NoError(t, err)
			require.ElementsMatch(t, infos, looked)

			for id, o := range traces(t, c, infos) {
				if o.skip != nil {
					t.Logf("%s: %v", id, o.skip)
					continue
				}
				require.Equal(t, id, o.trace.Info.ID)
				require.NotEmpty(t, o.trace.Spans)
			}
		})
	}
}
