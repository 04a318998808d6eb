// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"bytes"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/metadata"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivery"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// The page says that a process whose page is older than two minutes does not write it any more.
func TestReportOfARunThatPublishesNothingIsWrittenEveryMinute(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path}, &bytes.Buffer{})
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		defer func() { require.NoError(t, r.Shutdown(t.Context())) }()
		going := run(false)
		going.Ended = time.Time{}
		<-time.After(5 * time.Second)
		r.Publish(going)
		for range 20 {
			<-time.After(30 * time.Second)
			synctest.Wait()
			r.mu.Lock()
			age := time.Since(r.written)
			r.mu.Unlock()
			require.LessOrEqual(t, age, writeEvery)
		}
	})
}

// A process that reads a topic writes its report every minute, too: what verifies a backfill reads it.
func TestReportOfAReaderOfATopicIsWrittenEveryMinute(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	synctest.Test(t, func(t *testing.T) {
		r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path}, &bytes.Buffer{})
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		defer func() { require.NoError(t, r.Shutdown(t.Context())) }()
		r.mu.Lock()
		r.guarantees = map[string]delivery.Guarantee{"kafka": {Delivery: progress.Acknowledged, Source: "a at b:9092"}}
		r.mu.Unlock()
		for range 3 {
			<-time.After(writeEvery)
			synctest.Wait()
			r.mu.Lock()
			age := time.Since(r.written)
			r.mu.Unlock()
			require.Zero(t, age)
		}
	})
}

// publishing starts an extension that publishes its reports.
func publishing(t *testing.T, path string) (*reporter, *inbox) {
	t.Helper()
	to, published := component.MustNewID("inbox"), &inbox{}
	r := newReporter(extensiontest.NewNopSettings(metadata.Type), &Config{Path: path, PublishTo: &to}, &bytes.Buffer{})
	require.NoError(t, r.Start(t.Context(), extensions{to: published}))
	return r, published
}

// A process that had nothing to deliver of its topic tells that it ended, once it has a report: else it would look like
// one that was killed.
func TestReportOfAnIdleReaderOfATopicIsFinal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	synctest.Test(t, func(t *testing.T) {
		r, published := publishing(t, path)
		r.mu.Lock()
		r.guarantees = map[string]delivery.Guarantee{"kafka": {Delivery: progress.Acknowledged, Source: "a at b:9092"}}
		r.mu.Unlock()
		<-time.After(writeEvery)
		synctest.Wait()
		require.NoError(t, r.Shutdown(t.Context()))
		require.Len(t, published.reports, 2)
		require.Contains(t, published.reports[1], `"final": true`)
	})
}

// A report that is published is written every minute after the end of the runs, too: what could not be published at the
// end is published later.
func TestReportToPublishIsWrittenAfterTheRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	synctest.Test(t, func(t *testing.T) {
		r, published := publishing(t, path)
		defer func() { require.NoError(t, r.Shutdown(t.Context())) }()
		count := func() int {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(published.reports)
		}
		r.Publish(run(true))
		require.Equal(t, 1, count())
		<-time.After(2 * writeEvery)
		synctest.Wait()
		require.Equal(t, 3, count())
	})
}
