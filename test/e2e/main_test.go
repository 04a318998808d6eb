// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// patience is how long something that must happen may take on a busy machine.
const patience = 2 * time.Minute

// often is how often it is checked.
const often = 5 * time.Millisecond

// shared is a server that several tests use, each with experiments of its own; the generated data
// must not be changed.
type shared struct {
	*mlflowserver.Server
	Generated mlflowserver.Generated
	Truth     string // file of what MLflow's client returns for Names
	Names     []any  // of the experiments that hold the generated data
}

var (
	work    string // folder of this run
	mu      sync.Mutex
	running []*mlflowserver.Server
)

func TestMain(m *testing.M) {
	for _, binary := range []string{collector.Default(), collector.Minimal(), collector.Kafka()} {
		if _, err := os.Stat(binary); err != nil {
			fmt.Fprintln(os.Stderr, "run make build minimal kafka first:", err)
			os.Exit(1)
		}
	}
	// One more than there are cores: a server that starts and a process that waits keep no core busy.
	err := flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+1))
	if err == nil {
		work, err = os.MkdirTemp("", "mlflow-e2e-")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	for _, s := range running {
		s.Stop()
	}
	databases.StopAll()
	_ = os.RemoveAll(work)
	os.Exit(status)
}

// start starts a server that ends with the tests.
func start(version, dir string, options ...string) (*mlflowserver.Server, error) {
	s, err := mlflowserver.Start(version, dir, options...)
	if err == nil {
		mu.Lock()
		running = append(running, s)
		mu.Unlock()
	}
	return s, err
}

// filled returns a function that starts a server with generated data once and returns it from then
// on.
func filled(version string, demo bool) func() (*shared, error) {
	return sync.OnceValues(func() (*shared, error) {
		s, err := start(version, filepath.Join(work, version))
		if err != nil {
			return nil, err
		}
		x := &shared{Server: s, Truth: filepath.Join(work, version+".jsonl"),
			Names: []any{"wide", "wide-second", "wide-empty"}}
		if x.Generated, err = s.Generate(mlflowserver.Login{}, "--count", "120"); err != nil {
			return nil, err
		}
		if demo {
			if err := s.Demo(); err != nil {
				return nil, err
			}
			x.Names = append(x.Names, "MLflow Demo")
		}
		var names []string
		for _, n := range x.Names {
			names = append(names, n.(string))
		}
		return x, s.Expected(x.Truth, names...)
	})
}

var (
	database    = filled(mlflowserver.Database, true)
	artifactsV3 = filled(mlflowserver.ArtifactsV3, false)
	artifactsV2 = filled(mlflowserver.ArtifactsV2, false)
)

// destination is a second server of the newest version, on a copy of the sample store.
var destination = sync.OnceValues(func() (*mlflowserver.Server, error) {
	dir := filepath.Join(work, "destination")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := copyFile(sample, filepath.Join(dir, "mlflow.db")); err != nil {
		return nil, err
	}
	return start(mlflowserver.Database, dir)
})

// withPasswords is a server with basic authentication.
var withPasswords = sync.OnceValues(func() (*mlflowserver.Server, error) {
	return start(mlflowserver.Database, filepath.Join(work, "auth"), "--auth")
})

var filledOnce sync.Once

// protected is the server with basic authentication; each of its experiments has five traces.
func protected(t *testing.T) *mlflowserver.Server {
	t.Helper()
	s := need(t, withPasswords)
	filledOnce.Do(func() {
		for _, id := range s.Experiments {
			seed(t, s, s.Admin, id, 5, time.Now().Add(-time.Hour))
		}
	})
	return s
}

// sample is the bundled store.
var sample = filepath.Join(collector.Root(), "testdata", "sample", "mlflow.db")

func need[T any](t testing.TB, get func() (T, error)) T {
	t.Helper()
	v, err := get()
	require.NoError(t, err)
	return v
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

// post calls a route of a server and returns its answer.
func post(t testing.TB, s *mlflowserver.Server, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	answer, err := http.Post(s.URL+path, "application/json", bytes.NewReader(text))
	require.NoError(t, err)
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s", content)
	var m map[string]any
	require.NoError(t, json.Unmarshal(content, &m))
	return m
}

// experiment makes an experiment and returns its id.
func experiment(t testing.TB, s *mlflowserver.Server, name string) string {
	t.Helper()
	return post(t, s, "/api/2.0/mlflow/experiments/create", map[string]any{"name": name})["experiment_id"].(string)
}

// eventually waits for a condition.
func eventually(t testing.TB, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, often, append([]any{what}, args...)...)
}
