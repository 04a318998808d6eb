// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli runs the commands of the built distributions that need no network: validate,
// components, --help and --version.
package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

func TestMain(m *testing.M) {
	for _, d := range distributions {
		if _, err := os.Stat(d.binary); err != nil {
			fmt.Fprintln(os.Stderr, "run make build minimal kafka first:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var distributions = []struct{ name, binary, manifest string }{
	{"otelcol-mlflow", collector.Default(), "builder-config.yaml"},
	{"otelcol-mlflow-minimal", collector.Minimal(), "builder-config.minimal.yaml"},
	{"otelcol-mlflow-kafka", collector.Kafka(), "builder-config.kafka.yaml"},
}

// run runs a distribution and returns its output after it has ended well.
func run(t *testing.T, binary string, args ...string) string {
	t.Helper()
	p := collector.Command(t, t.TempDir(), nil, binary, args...)
	p.Done(0)
	return p.Out()
}

// manifest returns what the first group of a pattern matches in a file of the checkout.
func manifest(t *testing.T, file, pattern string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(collector.Root(), file))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile("(?m)"+pattern).FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	require.NotEmpty(t, found, pattern)
	return found
}

func TestVersion(t *testing.T) {
	for _, d := range distributions {
		version := manifest(t, d.manifest, `^  version: (\S+)$`)[0]
		assert.Equal(t, d.name+" version "+version+"\n", run(t, d.binary, "--version"))
	}
}

func TestHelp(t *testing.T) {
	for _, d := range distributions {
		help := run(t, d.binary, "--help")
		for _, part := range []string{d.name + " [flags]", d.name + " [command]",
			"\n  components ", "\n  print-config ",
			"\n  validate ", "--config", "--set", "--feature-gates", "--version"} {
			assert.Contains(t, help, part)
		}
	}
}

// Components names the version of the distribution, that of the collector, and all components with
// the version of their module.
func TestComponents(t *testing.T) {
	beta := manifest(t, "go.mod", `^\tgo\.opentelemetry\.io/collector/exporter/exporterhelper (\S+)$`)[0]
	for _, d := range distributions {
		out := run(t, d.binary, "components")
		for _, part := range []string{
			"command: " + d.name + "\n",
			"description: OpenTelemetry Collector " + beta + " for GenAI traces",
			"version: " + manifest(t, d.manifest, `^  version: (\S+)$`)[0] + "\n",
		} {
			assert.Contains(t, out, part)
		}
		for _, module := range manifest(t, d.manifest, `gomod: (\S+ \S+)$`) {
			assert.Contains(t, out, "module: "+module+"\n")
		}
	}
	out := run(t, collector.Default(), "components")
	for _, name := range []string{"mlflow", "genai", "databricks", "databricks_auth", "databricks_setup",
		"mlflow_report", "mlflow_quarantine"} {
		assert.Regexp(t, `name: `+name+`\n +module: github.com/otelcol-mlflow/otelcol-mlflow v`, out)
	}
}
