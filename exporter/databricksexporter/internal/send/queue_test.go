// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/batch"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/status"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

const patience = 20 * time.Second

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// report is what was published of the destination.
type report struct{ progress.Destination }

func (r *report) PublishDestination(d progress.Destination) { r.Destination = d }

func oneSpan() ptrace.Traces {
	td := ptrace.NewTraces()
	td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetTraceID([16]byte{1})
	return td
}

// onDisk is a queue on disk in front of a workspace that only the transport knows.
func onDisk(
	t *testing.T,
	dir string,
	maxElapsed time.Duration,
	transport roundTrip,
) (queue *Queue[ptrace.Traces], shutdown func() progress.Destination) {
	t.Helper()
	extension := storagetest.NewFileBackedStorageExtension("disk", dir)
	registry, err := status.New(
		status.Settings{Signal: "traces", Telemetry: componenttest.NewNopTelemetrySettings(), Now: time.Now},
	)
	require.NoError(t, err)
	published := &report{}
	registry.Connect(published, nil)
	letters, err := OpenDeadLetters(filepath.Join(dir, "dead.jsonl"))
	require.NoError(t, err)
	c := exporterhelper.NewDefaultQueueConfig()
	c.StorageID, c.NumConsumers = &extension.ID, 1
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval, retry.MaxElapsedTime = time.Hour, time.Hour, maxElapsed
	set := exportertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	q, err := NewQueue(t.Context(), QueueSettings[ptrace.Traces]{
		Exporter: set, Config: &struct{}{}, Helper: Traces,
		Queue: configoptional.Some(c), Retry: retry,
		Sender: NewSender(SenderSettings[ptrace.Traces]{
			Kind: batch.Traces{}, Target: &route.Resolver{}, Gate: preflight.NewGate(nil, time.Hour, 0),
			DeadLetters: letters,
			Link:        &Link{Client: &http.Client{Transport: transport}},
			Status:      registry.Add("a.b.c", true), Now: time.Now,
		}),
	})
	require.NoError(t, err)
	require.NoError(t, q.Start(t.Context(), extensions{extension.ID: extension}))
	return q, func() progress.Destination {
		require.NoError(t, q.Shutdown(context.WithoutCancel(t.Context())))
		registry.Close(nil)
		require.NoError(t, letters.Close())
		return published.Destination
	}
}

// A stop finds an attempt in flight, which fails after it. What may still be retried stays on disk;
// what has had its time is given up and counted, since the queue deletes it.
func TestShutdownWithAQueueOnDisk(t *testing.T) {
	for name, c := range map[string]struct {
		maxElapsed time.Duration
		kept       bool
	}{
		"retries without end": {0, true},
		"retries have time":   {24 * time.Hour, true},
		"retries had no time": {time.Nanosecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var requests atomic.Int64
			inFlight, fail := make(chan struct{}), make(chan struct{})
			q, shutdown := onDisk(t, dir, c.maxElapsed, func(*http.Request) (*http.Response, error) {
				if requests.Add(1) == 1 {
					close(inFlight)
					<-fail
				}
				return nil, errors.New("no answer")
			})
			require.NoError(t, q.Consume(t.Context(), oneSpan()))
			select {
			case <-inFlight:
			case <-time.After(patience):
				t.Fatal("nothing was sent")
			}
			done := make(chan progress.Destination, 1)
			go func() { done <- shutdown() }()
			require.Eventually(t, q.stopping, patience, time.Millisecond)
			close(fail)
			d := <-done
			if c.kept {
				require.Zero(t, d.Rejected)
			} else {
				require.EqualValues(t, 1, d.Rejected)
				require.EqualValues(t, 1, d.DeadLettered)
			}

			again := make(chan struct{}, 1)
			_, shutdown = onDisk(t, dir, 0, func(*http.Request) (*http.Response, error) {
				again <- struct{}{}
				return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
			})
			if c.kept {
				select {
				case <-again:
				case <-time.After(patience):
					t.Fatal("the queue did not keep it")
				}
			}
			require.Equal(t, c.kept, shutdown().Sent == 1)
		})
	}
}

// exporterhelper's line about each failed attempt is left out. This fails when exporterhelper
// begins it with other words.
func TestWithoutAttempts(t *testing.T) {
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval, retry.MaxInterval = time.Millisecond, time.Millisecond
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.NumConsumers = 1
	for name, options := range map[string][]exporterhelper.Option{
		"tried again":        {exporterhelper.WithRetry(retry)},
		"dropped by a queue": {exporterhelper.WithQueue(configoptional.Some(queue))},
		"rejected":           {},
	} {
		t.Run(name, func(t *testing.T) {
			all, allLogs := observer.New(zapcore.DebugLevel)
			less, lessLogs := observer.New(zapcore.DebugLevel)
			set := exportertest.NewNopSettings(metadata.Type)
			set.Logger = zap.New(zapcore.NewTee(all, attemptFilter{less})).With(zap.String("k", "v"))
			failed := make(chan struct{}, 1)
			attempts := 0
			e, consume, err := Traces(t.Context(), set, &struct{}{}, func(context.Context, ptrace.Traces) error {
				attempts++
				if name == "tried again" && attempts == 2 {
					return nil
				}
				failed <- struct{}{}
				return errors.New("no")
			}, options...)
			require.NoError(t, err)
			require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
			err = consume(t.Context(), oneSpan())
			require.Equal(t, name == "rejected", err != nil)
			<-failed
			require.NoError(t, e.Shutdown(context.WithoutCancel(t.Context())))
			require.Equal(t, 1, allLogs.Filter(func(e observer.LoggedEntry) bool {
				return len(e.Message) >= len(attemptFailed) && e.Message[:len(attemptFailed)] == attemptFailed
			}).Len(), "%v", allLogs.All())
			require.Zero(t, lessLogs.FilterMessageSnippet("xporting failed").Len())
		})
	}

	core, logs := observer.New(zapcore.DebugLevel)
	withoutAttempts(zap.New(core)).With(zap.String("k", "v")).Error("Failed getting metadata")
	require.Equal(t, "v", logs.All()[0].ContextMap()["k"], "other lines are as they were")
}
