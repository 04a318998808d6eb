// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// The commonest mistakes end with status 1 and a message that names cause and remedy.
func TestMistakes(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	for name, x := range map[string]struct {
		key   string
		value any
		says  []string
	}{
		"scheme":             {"tracking_uri", "ftp://mlflow.example.com", []string{"tracking_uri", "ftp", "http"}},
		"address of a page":  {"tracking_uri", s.URL + "/#/experiments/1", []string{"tracking_uri", "#"}},
		"api in the address": {"tracking_uri", s.URL + "/api", []string{"tracking_uri", "/api"}},
		"no server":          {"tracking_uri", "http://127.0.0.1:9", []string{"127.0.0.1:9", "refused"}},
		"no such file":       {"tracking_uri", "sqlite:////nowhere/mlflow.db", []string{"/nowhere/mlflow.db"}},
		"experiment id": {"experiments", map[string]any{"ids": []any{4711}},
			[]string{`"4711" matches no experiment`, "wide (1)"}},
		"experiment name": {"experiments", map[string]any{"names": []any{"Wide_second"}},
			[]string{`"Wide_second" matches no experiment`, "did you mean", "wide-second"}},
		"deleted experiment": {"experiments", map[string]any{"names": []any{"wide-deleted"}},
			[]string{`"wide-deleted"`, "deleted: true"}},
		"id that is a name": {"experiments", map[string]any{"ids": []any{"wide"}},
			[]string{"experiments::ids[0]", "experiments::names"}},
		"none":             {"experiments", map[string]any{}, []string{"experiments", "at least one"}},
		"filter":           {"filter", "status = = 'OK'", []string{"Invalid clause(s) in filter string"}},
		"end before start": {"end_time", "2020-01-01", []string{"end_time", "2020-01-01", "start_time"}},
		"mode":             {"mode", "all", []string{"mode", "is not one of"}},
		"list":             {"trace_ids_file", "/nowhere/list", []string{"trace_ids_file", "/nowhere/list"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::start_time",
				"2021-01-01").Set("receivers::mlflow::"+x.key, x.value).
				Set("receivers::mlflow::retry_on_failure",
					map[string]any{"initial_interval": "50ms", "max_interval": "100ms", "max_elapsed_time": "1s"})
			p := collector.Run(t, dir, c, 1)
			for _, part := range x.says {
				assert.Contains(t, p.Logs()+p.Out(), part)
			}
			assert.Less(t, strings.Count(p.Logs(), "goroutine "), 1)
		})
	}
}

// A receiver that leaves content out, in front of a processor that counts it, is refused before
// anything is read; each way out that the message names starts and ends well.
func TestCountingWhatTheReceiverLeavesOut(t *testing.T) {
	t.Parallel()
	contradiction := func(dir string) collector.Config {
		return collector.Backfill("sqlite:///"+sample, dir).Set("receivers::mlflow::capture_content", false).
			Set("processors::genai", nil).Set("service::pipelines::traces::processors", []any{"genai"})
	}
	t.Run("refused", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, contradiction(dir), 1)
		for _, part := range []string{
			"receivers::mlflow::capture_content is false", "processors::genai::tokens", "capture_content: true",
			"processors::genai::content::action: drop", "processors::genai::tokens::spans: none",
		} {
			assert.Contains(t, p.Logs(), part)
		}
		assert.NoFileExists(t, filepath.Join(dir, "report.json"))
		traces, broken := collector.ReadTraces(t, dir)
		assert.Empty(t, traces)
		assert.Empty(t, broken)
	})
	t.Run("content dropped after counting", func(t *testing.T) {
		dir := t.TempDir()
		c := contradiction(dir).Set("receivers::mlflow::capture_content", true).Set("processors::genai::content",
			map[string]any{"action": "drop", "person_ids": "drop"})
		p := collector.Run(t, dir, c, 0)
		assert.Contains(t, p.Out(), "  tokens    counted: ")
		assert.Contains(t, p.Out(), "  cost      no prices in processors::genai::cost::models")
		written, err := os.ReadFile(filepath.Join(dir, "traces.jsonl"))
		require.NoError(t, err)
		assert.Contains(t, string(written), "token_count_request")
		assert.NotContains(t, string(written), "mlflow.spanInputs")
		assert.NotContains(t, string(written), "TO-70374", "the number of an order that a user asks for")
	})
	t.Run("nothing counted", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, contradiction(dir).Set("processors::genai::tokens::spans", "none"), 0)
		assert.NotContains(t, p.Out(), "counted: ")
		assert.Contains(t, p.Out(), "reported: ")
	})
}

// What people type without quotes is understood.
func TestUnquoted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := collector.StartText(t, dir, `
receivers:
  mlflow:
    tracking_uri: sqlite:///`+sample+`
    experiments: {ids: [1, 2]}
    start_time: 2026-03-02
    end_time: 2026-03-20T00:00:00Z
    max_skipped: 5%
    on_complete: shutdown
    accept: unknown
    storage: none
exporters:
  file: {path: `+dir+`/traces.jsonl, rotation: {max_megabytes: 1024, max_backups: 0}}
service:
  pipelines: {traces: {receivers: [mlflow], exporters: [file]}}
  telemetry: {metrics: {level: none}}
`)
	p.Done(0)
	assert.Len(t, otlpsink.Count(collector.Traces(t, dir)), sampleSpans)
}

// A reader with READ on one of three experiments gets that one, and the report says so.
func TestPermissions(t *testing.T) {
	t.Parallel()
	s := protected(t)
	with := func(dir string, login mlflowserver.Login) collector.Config {
		return collector.Backfill(s.URL, dir).Set("receivers::mlflow::max_skipped",
			"20%").Set("receivers::mlflow::http::auth::authenticator", "basicauth").
			Set("extensions::basicauth::client_auth",
				map[string]any{"username": login.Username, "password": login.Password}).
			Set("service::extensions", []any{"basicauth", "file_storage", "mlflow_report"}).
			Set("service::telemetry::logs::level", "debug")
	}
	t.Run("reader", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, with(dir, s.Reader), 0)
		report := collector.ReadReport(t, dir).Receivers[0]
		require.Len(t, report.Experiments, 1)
		assert.Equal(t, "team-a", report.Experiments[0].Name)
		assert.EqualValues(t, 5, report.Totals.Accepted)
		assert.Contains(t, p.Out(), "team-a")
		assert.NotContains(t, p.Out(), "team-b")
		assert.Equal(t, "extension basicauth", report.Source["authentication"])
		noSecret(t, dir, s.Reader.Password)
	})
	t.Run("experiment of others", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, with(dir, s.Reader).Set("receivers::mlflow::experiments::names", []any{"team-b"}), 1)
		assert.Contains(t, p.Out()+p.Logs(), `"team-b" matches no experiment`)
		assert.Contains(t, p.Out()+p.Logs(), "team-a")
	})
	t.Run("wrong password", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, with(dir, mlflowserver.Login{Username: "reader", Password: "canary-wrong-password"}),
			1)
		assert.Contains(t, p.Out(), "401")
		noSecret(t, dir, "canary-wrong-password")
	})
	t.Run("no credentials", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir, collector.Backfill(s.URL, dir), 1)
		assert.Contains(t, p.Out(), "401")
		assert.Contains(t, p.Out(), "auth", "how to give credentials")
	})
}

// noSecret requires that a text is in no file that a run left, besides its own configuration and
// the traces.
func noSecret(t *testing.T, dir string, canaries ...string) {
	t.Helper()
	looked := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "config.yaml" || d.Name() == "traces.jsonl" {
			return err
		}
		content, err := os.ReadFile(path)
		looked++
		for _, canary := range canaries {
			assert.NotContains(t, string(content), canary, d.Name())
		}
		return err
	}))
	require.Positive(t, looked)
}

// Neither credentials nor prompts nor answers are in a log at debug level, the report or the list
// of skipped traces, whether the run succeeds or fails.
func TestNothingSecretInLogs(t *testing.T) {
	t.Parallel()
	s := need(t, database)
	canaries := []string{
		"canary-token", "canary-header", // credentials
		// content
		"How tall is the lighthouse", "41 metres", "The lighthouse was built", "oops", "bad value", "looks right",
	}
	for name, x := range map[string]struct {
		status int
		change func(c collector.Config)
	}{
		"success":     {0, func(collector.Config) {}},
		"destination": {1, func(c collector.Config) { refusing(t, c) }},
		"bad filter":  {1, func(c collector.Config) { c.Set("receivers::mlflow::filter", "nonsense") }},
		"wrong server": {1,
			func(c collector.Config) { c.Set("receivers::mlflow::tracking_uri", "http://127.0.0.1:9") }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := collector.Backfill(s.URL, dir).Set("receivers::mlflow::experiments::names",
				[]any{"wide"}).Set("receivers::mlflow::max_skipped", "20%").
				Set("receivers::mlflow::http::headers", map[string]any{"X-Api-Key": "canary-header"}).
				Set("receivers::mlflow::http::auth::authenticator",
					"bearertokenauth").Set("extensions::bearertokenauth::token", "canary-token").
				Set("service::extensions", []any{"bearertokenauth", "file_storage", "mlflow_report"}).
				Set("service::telemetry::logs::level", "debug").
				Set("receivers::mlflow::retry_on_failure",
					map[string]any{"initial_interval": "50ms", "max_interval": "100ms", "max_elapsed_time": "1s"})
			x.change(c)
			p := collector.Run(t, dir, c, x.status)
			for _, canary := range canaries {
				assert.NotContains(t, p.Out(), canary)
			}
			noSecret(t, dir, canaries...)
		})
	}
	t.Run("password in the address", func(t *testing.T) {
		dir := t.TempDir()
		p := collector.Run(t, dir,
			collector.Backfill(strings.Replace(s.URL, "http://", "http://me:canary-password@", 1), dir), 1)
		assert.Contains(t, p.Logs(), "tracking_uri")
		assert.NotContains(t, p.Out(), "canary-password")
		noSecret(t, dir, "canary-password")
	})
}

func refusing(t *testing.T, c collector.Config) {
	sink := otlpsink.New(t)
	sink.Script(refuse(400))
	c.ToOTLP(sink.URL, map[string]any{"Authorization": "Bearer canary-token"})
}
