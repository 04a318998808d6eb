// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// checkout is a folder that looks like the checkout to make run, with an out/ of its own. The
// distribution is built already, so make has nothing to build.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"dist", "config", "testdata"} {
		require.NoError(t, os.Symlink(filepath.Join(collector.Root(), name), filepath.Join(dir, name)))
	}
	return dir
}

// makeRun runs `make run` with arguments; the rule that builds is switched off, since the binary is
// there.
func makeRun(t *testing.T, dir string, env []string, args ...string) *collector.Process {
	t.Helper()
	all := append([]string{"-C", dir, "-f", filepath.Join(collector.Root(), "Makefile"), "-o", "dist/otelcol-mlflow",
		"-o", "dist/quickstart", "run"}, args...)
	return collector.Command(t, t.TempDir(), env, "make", all...)
}

func private(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		info, err := os.Stat(p)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), p)
	}
}

// The sample store needs no argument, tells what it did, resumes, and starts over when told to.
func TestMakeRun(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	out := filepath.Join(dir, "out", "sample")
	first := makeRun(t, dir, []string{"MLFLOW_TRACKING_URI=http://production.invalid:5000"})
	first.Done(0)
	summary := first.Out()
	for _, part := range []string{
		"complete: 122 of 123 traces acknowledged, with 598 spans", "1 skipped", // one trace has no spans
		"support-bot (1)", "support-bot-eval (2)", "2026-03-02 to 2026-03-13",
		"no_spans: tr-5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e",
		"out/sample/traces.jsonl", "prompts and answers", "out/sample/report.json", "out/sample/skipped.jsonl",
		"page      out/sample/report.html", "open      out/sample/report.html",
		"acknowledged: ", "FRESH=1", "ENDPOINT=", "jq ", "testdata/sample/mlflow.db",
		"MLFLOW_TRACKING_URI is set in your shell and not used",
	} {
		assert.Contains(t, summary, part)
	}
	assert.NotContains(t, summary, "production.invalid")
	for _, line := range append(sampleLines(t), readmeLines(t)...) {
		assert.Contains(t, summary, line+"\n")
	}
	private(t, filepath.Join(out, "traces.jsonl"), filepath.Join(out, "report.json"),
		filepath.Join(out, "report.html"), filepath.Join(out, "skipped.jsonl"))
	spans := otlpsink.Count(collector.Traces(t, out))
	requireSpans(t, openStore(t, copyOf(t, sample, t.TempDir()).path).spans(), spans)
	requireOnce(t, spans)

	again := makeRun(t, dir, nil)
	again.Done(0)
	assert.Contains(t, again.Out(), "nothing new")
	assert.Contains(t, again.Out(), "tokens    counted: 3773 in requests", "what is resumed shows its sum")
	assert.NotContains(t, again.Out(), "MLFLOW_TRACKING_URI")
	requireOnce(t, otlpsink.Count(collector.Traces(t, out)))

	fresh := makeRun(t, dir, nil, "FRESH=1")
	fresh.Done(0)
	assert.Contains(t, fresh.Out(), "complete: 122 of 123 traces acknowledged, with 598 spans")
	requireOnce(t, otlpsink.Count(collector.Traces(t, out)))
}

// EXPERIMENT is an id, a name that looks like something else in YAML, or a glob.
func TestMakeRunExperiment(t *testing.T) {
	t.Parallel()
	dir := checkout(t)
	s := copyOf(t, sample, t.TempDir())
	s.exec(`UPDATE experiments SET name = '1.5' WHERE experiment_id = 2`)
	for experiment, want := range map[string]string{"1": "complete: 106 of 107 ", "1.5": "complete: 16 of 16 ",
		"support*": "complete: 106 of 107 "} {
		p := makeRun(t, dir, nil, "MLFLOW_TRACKING_URI="+s.URI(), "EXPERIMENT="+experiment, "FRESH=1")
		p.Done(0)
		assert.Contains(t, p.Out(), want, experiment)
	}
}

// The user's own server: without EXPERIMENT its experiments are listed and nothing is written, with
// it the history is read.
func TestMakeRunServer(t *testing.T) {
	for version, tc := range map[string]struct {
		server func() (*shared, error)
		second int // traces, of one span each, that the generator of this version writes to wide-second
	}{mlflowserver.Database: {database, 2}, "3.4.0": {artifactsV3, 2}, "2.22.5": {artifactsV2, 1}} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			makeRunServer(t, need(t, tc.server), tc.second)
		})
	}
}

func makeRunServer(t *testing.T, s *shared, second int) {
	t.Helper()
	dir := checkout(t)
	list := makeRun(t, dir, nil, "MLFLOW_TRACKING_URI="+s.URL)
	list.Done(0)
	for name, id := range s.Generated.Experiments {
		if name != "wide-deleted" {
			assert.Regexp(t, `(?m)^ +`+id+` +`+name+` +\d+ traces?`, list.Out())
		}
	}
	assert.NotContains(t, list.Out(), "wide-deleted")
	assert.Contains(t, list.Out(), "EXPERIMENT=")
	assert.Contains(t, list.Out(), "nothing was written")
	written, err := filepath.Glob(filepath.Join(dir, "out", "*", "*"))
	require.NoError(t, err)
	for _, path := range written {
		assert.Contains(t, []string{"report.json", "report.html", "collector.log", "position"}, filepath.Base(path))
	}

	run := makeRun(t, dir, nil, "MLFLOW_TRACKING_URI="+s.URL, "EXPERIMENT=wide-second")
	run.Done(0)
	assert.Contains(t, run.Out(), fmt.Sprintf("complete: %d of %s acknowledged, with %s\n", second,
		progress.Count(int64(second), "trace"), progress.Count(int64(second), "span")))
	written, err = filepath.Glob(filepath.Join(dir, "out", "*", "wide-second", "traces.jsonl"))
	require.NoError(t, err)
	require.Len(t, written, 1)
	assert.Len(t, otlpsink.Count(collector.Traces(t, filepath.Dir(written[0]))), second)
}

// Each distribution runs its configuration without make.
func TestQuickstart(t *testing.T) {
	for config, binary := range map[string]string{"config/quickstart.yaml": collector.Default(),
		"config/minimal.yaml": collector.Minimal()} {
		t.Run(filepath.Base(config), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := collector.Command(t, dir, []string{"OTELCOL_MLFLOW_OUT=" + filepath.Join(dir, "out")},
				"sh", "-c", `umask 000; exec "$@"`, "sh", binary, "--config", config)
			p.Done(0)
			private(t, filepath.Join(dir, "out", "traces.jsonl"))
			assert.Contains(t, p.Out(), "complete: 122 of 123 traces acknowledged, with 598 spans")
			assert.Len(t, otlpsink.Count(collector.Traces(t, filepath.Join(dir, "out"))), 598)
			assert.Empty(t, strings.TrimSpace(p.Logs()), "a good run has nothing to warn of")
		})
	}
}

// The first configuration of the README starts as it is written there.
func TestFirstConfigurationOfTheReadme(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join(collector.Root(), "README.md"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.yaml"),
		[]byte(yamlBlock.FindStringSubmatch(string(body))[1]), 0o600))
	p := collector.Command(t, dir, nil, "sh", "-c", `cd "$1" && exec "$2" --config config.yaml`, "sh", dir,
		collector.Default())
	eventually(t, func() bool { return strings.Contains(p.Logs(), "Everything is ready") || p.Ended() }, "the start")
	p.Signal(syscall.SIGTERM)
	status := p.Wait()
	require.Contains(t, p.Logs(), "Everything is ready")
	if status >= 0 { // else the signal came before the collector listened to signals
		require.FileExists(t, filepath.Join(dir, "state", "report.json"))
	}
}

// readmeLines are the lines of the summary that the README shows.
func readmeLines(t *testing.T) (lines []string) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join(collector.Root(), "README.md"))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(body), "```text\n")
	require.True(t, ok)
	block, _, _ := strings.Cut(rest, "```")
	for line := range strings.Lines(block) {
		if strings.TrimSpace(line) != "…" {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	require.Greater(t, len(lines), 10)
	return lines
}
