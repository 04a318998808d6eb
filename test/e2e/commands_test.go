// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// byHand marks commands that no test runs; behind it stands how they were run.
const byHand = "by hand: "

// commands are the commands, queries and programs of the documentation, by the first line of their block, with the
// tests that run them. Configurations are checked by TestConfigurationsOfTheDocumentation.
var commands = map[string]string{
	"README.md: make run     # needs Go and make": "TestMakeRun",
	"README.md: make run MLFLOW_TRACKING_URI=":    "TestMakeRunServer TestMakeRunExperiment TestMakeRunCredentials",

	"CONTRIBUTING.md: make build      # ocb": byHand + "each target; make test is what CI runs",

	"docs/how-to/backends.md: OTELCOL_MLFLOW_SOURCE=http": "TestHowToServers",
	"docs/how-to/backends.md: pip install arize-phoenix":  byHand + "with Phoenix from its Python package",
	"docs/how-to/backends.md: export LANGFUSE_PUBLIC_KEY": "TestHowToBackends",

	"docs/how-to/custom-collector.md: go run go.opentelemetry.io/collector": "TestBuild",
	"docs/how-to/custom-collector.md: go list -m -f":                        byHand + "not before the first release",

	"docs/how-to/databricks.md: # 1  the collector":           "TestHowTo",
	"docs/how-to/databricks.md: # in one terminal":            byHand + "with the fake workspace, in two terminals",
	"docs/how-to/databricks.md: dist/otelcol-mlflow --config": "TestHowTo",
	"docs/how-to/files.md: make run MLFLOW_TRACKING_URI=":     "TestMakeRunServer",
	"docs/how-to/files.md: import json":                       "TestHowToFiles",
	"docs/how-to/files.md: SELECT s.name":                     byHand + "with DuckDB 2.0.1, on the sample",
	"docs/how-to/kafka.md: make kafka   # dist/kafka":         "TestTopic",
	"docs/how-to/kafka.md: OTELCOL_MLFLOW_BROKERS=kafka":      "TestTopic",
	"docs/how-to/kafka.md: OTELCOL_MLFLOW_OUT=out/reader-0":   "TestTopic",
	"docs/how-to/kafka.md: OTELCOL_MLFLOW_TOPIC":              "TestTopic",
	"docs/how-to/kafka.md: kafka-consumer-groups.sh":          byHand + "with Apache Kafka 4.4.0",
	"docs/how-to/mlflow.md: OTELCOL_MLFLOW_SOURCE=":           "TestHowToMLflow",
	"docs/how-to/release.md: sha256sum --check":               byHand + "with the archive of linux/amd64",
	"docs/how-to/release.md: make release":                    byHand + "one target, twice, with the same bytes",
	"docs/how-to/servers.md: dist/otelcol-mlflow --config":    "TestHowToServers",
	"docs/how-to/sidecar.md: OTELCOL_MLFLOW_ENDPOINT=":        "TestHowToSidecar",
	"docs/how-to/sidecar.md: pip install mlflow":              byHand + "with MLflow 3.17.2",
	"docs/how-to/sidecar.md: npm install @opentelemetry/api":  byHand + "on Node.js",
	"docs/how-to/stores.md: CREATE ROLE otelcol":              "TestGrants",
	"docs/how-to/stores.md: CREATE USER 'otelcol'":            "TestGrants",

	"extension/databrickssetupextension/README.md: -- where":      byHand + "on Apache Spark",
	"extension/databrickssetupextension/README.md: # a data":      byHand + "the query on Apache Spark",
	"extension/databrickssetupextension/README.md: -- databricks": "TestHowTo",
}

var fence = regexp.MustCompile("(?s)\n *```(sh|sql|python)\n(.*?)\n *```")

// Every command of the documentation has a test, or was run by a person.
func TestCommandsOfTheDocumentation(t *testing.T) {
	var tests []string
	err := filepath.WalkDir(collector.Root(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		body, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(body), -1) {
			tests = append(tests, m[1])
		}
		return err
	})
	require.NoError(t, err)

	seen := map[string]bool{}
	for _, file := range pagesOf(t) {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		name, err := filepath.Rel(collector.Root(), file)
		require.NoError(t, err)
		for _, block := range fence.FindAllStringSubmatch(string(body), -1) {
			line, _, _ := strings.Cut(strings.TrimSpace(block[2]), "\n")
			found := false
			for key := range commands {
				of, begin, _ := strings.Cut(key, ": ")
				if of == filepath.ToSlash(name) && strings.HasPrefix(line, begin) {
					found, seen[key] = true, true
				}
			}
			assert.True(t, found, "%s: nothing says who runs %q", name, line)
		}
	}
	for key, by := range commands {
		assert.True(t, seen[key], "%s is not in the documentation", key)
		if strings.HasPrefix(by, byHand) {
			continue
		}
		for name := range strings.FieldsSeq(by) {
			assert.True(t, slices.Contains(tests, name), "%s: there is no test %s", key, name)
		}
	}
}
