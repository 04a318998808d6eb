// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// An archive and artifacts that MLflow wrote into a bucket are read from there below a store, as through the
// server. What can't be read has a reason of its own.
func TestObjectStore(t *testing.T) {
	t.Parallel()
	bucket, err := mlflowserver.StartBucket("box")
	require.NoError(t, err)
	t.Cleanup(bucket.Stop)
	s3 := func(keys mlflowserver.Keys) map[string]any {
		return map[string]any{"endpoint": bucket.URL, "region": "eu-central-1", "access_key_id": keys.ID,
			"secret_access_key": keys.Secret}
	}
	backfill := func(source, dir string) collector.Config {
		return collector.Backfill(source, dir).Set("receivers::mlflow::max_skipped", "100%")
	}

	t.Run("archive", func(t *testing.T) {
		names := []any{"support-bot"}
		before := readSpans(t, "sqlite:///"+sample, names)
		copied := copyOf(t, sample, t.TempDir())
		n, err := mlflowserver.Archive(filepath.Dir(copied.path), "s3://box/the-archive", 30, bucket.Env(),
			"support-bot")
		require.NoError(t, err)
		require.Equal(t, 30, n)
		dir, sink := t.TempDir(), otlpsink.New(t)
		c := backfill(copied.URI(), dir).Set("receivers::mlflow::experiments::names", names).
			Set("receivers::mlflow::artifacts", map[string]any{"s3": s3(bucket.Reader)})
		collector.Run(t, dir, c.ToOTLP(sink.URL, nil), 0)
		after := single(t, sink.Accepted())
		require.Len(t, after, len(before))
		for k, span := range after {
			require.JSONEq(t, withoutStorage(t, before[k]), withoutStorage(t, span))
		}

		for reason, artifacts := range map[string]any{
			"spans_unreachable": nil,
			"artifact_denied":   map[string]any{"s3": s3(bucket.Other)},
		} {
			dir := t.TempDir()
			c := backfill(copied.URI(), dir).Set("receivers::mlflow::experiments::names", names)
			if artifacts != nil {
				c.Set("receivers::mlflow::artifacts", artifacts)
			}
			collector.Run(t, dir, c, 0)
			skipped := 0
			for _, x := range collector.ReadSkipped(t, dir) {
				if x.Reason == reason {
					skipped++
				}
			}
			assert.Equal(t, 30, skipped, reason)
		}
		copied.exec(`UPDATE trace_tags SET value = replace(value, 'the-archive', 'gone') ` +
			`WHERE key = 'mlflow.trace.archiveLocation'`)
		dir = t.TempDir()
		collector.Run(t, dir, backfill(copied.URI(), dir).Set("receivers::mlflow::experiments::names", names).
			Set("receivers::mlflow::artifacts", map[string]any{"s3": s3(bucket.Reader)}), 0)
		skipped := collector.ReadSkipped(t, dir)
		require.NotEmpty(t, skipped)
		assert.Equal(t, "artifact_missing", skipped[0].Reason)
	})

	t.Run("artifacts", func(t *testing.T) {
		options := []string{"--artifacts", "s3://box/artifacts"}
		for _, setting := range bucket.Env() {
			options = append(options, "--env", setting)
		}
		s, err := start(mlflowserver.ArtifactsV3, t.TempDir(), options...)
		require.NoError(t, err)
		t.Cleanup(s.Stop)
		_, err = s.Generate(mlflowserver.Login{}, "--small")
		require.NoError(t, err)
		// The test store refuses the right signature of such a key, also that of boto3.
		openStore(t, filepath.Join(s.Dir, "mlflow.db")).
			exec(`DELETE FROM trace_info WHERE request_id LIKE 'my custom id/%'`)
		names := []any{"wide", "wide-second"}
		byREST := readSpans(t, s.URL, names)
		dir, sink := t.TempDir(), otlpsink.New(t)
		c := backfill(s.SQLite(), dir).Set("receivers::mlflow::experiments::names", names).
			Set("receivers::mlflow::end_time", farOff).Set("receivers::mlflow::artifacts",
			map[string]any{"destination": "s3://box/artifacts", "s3": s3(bucket.Reader)})
		collector.Run(t, dir, c.ToOTLP(sink.URL, nil), 0)
		read := single(t, sink.Accepted())
		for k, span := range byREST {
			require.Contains(t, read, k)
			require.JSONEq(t, asJSON(t, span), asJSON(t, read[k]), "span %s of trace %s", k.Span, k.Trace)
		}
		for _, x := range collector.ReadSkipped(t, dir) {
			assert.NotContains(t, []string{"spans_unreachable", "artifact_denied", "source_error"}, x.Reason, x.Detail)
		}
	})
}
