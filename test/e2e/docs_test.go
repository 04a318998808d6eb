// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
)

// written is what a reader of the documentation puts into the environment variables that
// configurations ask for without a default.
var written = []string{
	"DATABRICKS_HOST=https://workspace.example", "DATABRICKS_CLIENT_ID=id", "DATABRICKS_CLIENT_SECRET=secret",
	"DATABRICKS_TOKEN=token", "GENAI_HASH_KEY=0123456789abcdef0123456789abcdef",
	"OTELCOL_MLFLOW_SOURCE=http://localhost:5000", "OTELCOL_MLFLOW_EXPERIMENT=support-bot",
	"OTELCOL_MLFLOW_CATALOG=main", "OTELCOL_MLFLOW_SCHEMA=agents", "OTELCOL_MLFLOW_PREFIX=support_bot",
	"OTELCOL_MLFLOW_WAREHOUSE=w1", "OTELCOL_MLFLOW_ENDPOINT=http://localhost:4318",
	"OTELCOL_MLFLOW_ZEROBUS=https://1.zerobus.eu-west-1.cloud.databricks.com", "DATABRICKS_WORKSPACE_ID=1",
	"DATABRICKS_ADMIN_CLIENT_ID=admin", "DATABRICKS_ADMIN_CLIENT_SECRET=secret",
	"OTELCOL_MLFLOW_DATABRICKS_EXPERIMENT=/Shared/support-bot", "OTELCOL_MLFLOW_TARGET=7",
	"LANGFUSE_PUBLIC_KEY=pk-lf-1", "LANGFUSE_SECRET_KEY=sk-lf-1", "TEAM_A_ENDPOINT=http://a:4318",
	"TEAM_B_ENDPOINT=http://b:4318", "POD_INDEX=1", "SHARDS=4",
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// pagesOf are the files of the documentation.
func pagesOf(t *testing.T) (list []string) {
	t.Helper()
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "docs/*.md", "docs/*/*.md", "receiver/*/README.md",
		"processor/*/README.md", "exporter/*/README.md", "extension/*/README.md", "extension/*/*/README.md",
		"connector/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(collector.Root(), pattern))
		require.NoError(t, err)
		list = append(list, files...)
	}
	return list
}

// Every configuration in the documentation, and every one that is shipped, is one that the
// collector takes, as it is written there.
func TestConfigurationsOfTheDocumentation(t *testing.T) {
	checked := 0
	validate := func(name, yaml string) {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.yaml")
			require.NoError(t, os.WriteFile(file, []byte(yaml), 0o600))
			args := []string{"validate", "--config", file}
			if strings.Contains(yaml, "pipelines: {}") { // the setup, which is run with this gate
				args = append(args, "--feature-gates=service.AllowNoPipelines")
			}
			binary := collector.ForConfig(name)
			if regexp.MustCompile(`\n  (mlflow_verify|mlflow_report_topic|kafka):\n`).MatchString(yaml) {
				binary = collector.Kafka()
			}
			cmd := exec.Command(binary, args...)
			cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), written...)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", out, yaml)
		})
		checked++
	}
	for _, file := range pagesOf(t) {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, block := range yamlBlock.FindAllStringSubmatch(string(body), -1) {
			// Parts that are read beside others are run by TestHowTo….
			if strings.Contains(block[1], "\nservice:") && strings.Contains(block[1], "pipelines:") {
				rel, err := filepath.Rel(collector.Root(), file)
				require.NoError(t, err)
				validate(rel, block[1])
			}
		}
	}
	shipped, err := filepath.Glob(filepath.Join(collector.Root(), "config", "*.yaml"))
	require.NoError(t, err)
	for _, file := range shipped {
		if filepath.Base(file) == "prices-example.yaml" { // a part, read beside another
			continue
		}
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		validate(filepath.Base(file), string(body))
	}
	require.GreaterOrEqual(t, checked, 4, "the documentation has configurations")
}
