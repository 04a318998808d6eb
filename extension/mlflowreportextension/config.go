// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreportextension

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
)

// Config is what a user writes under extensions::mlflow_report.
type Config struct {
	// Path is the file that the report is written to. The page for people, with the ending .html, and the lists
	// skipped.jsonl and missing.jsonl lie beside it.
	Path string `mapstructure:"path"`
	// Strict makes the start fail when a stage behind a receiver of mlflow, kafka or otlp acknowledges
	// before the destination has the data, or when settings of Kafka can lose messages or stop a partition.
	Strict bool `mapstructure:"strict"`
	// WaitsForResult names exporters, by type or id, that are not known here and that answer only
	// after their destination has.
	WaitsForResult []string `mapstructure:"waits_for_result"`
	// PublishTo names an extension that takes each report once it is written to the file, such as mlflow_report_topic.
	PublishTo *component.ID `mapstructure:"publish_to"`
	// Examples shows the beginnings of what the slowest, costliest and lowest-scored traces were asked and answered, in
	// the report and on its page.
	Examples bool `mapstructure:"examples"`

	// RetryRefusals makes exporters that name this extension as middleware send again what a destination answers
	// with 401, 403, 404, 408 or 500, or with the corresponding code of gRPC.
	RetryRefusals bool `mapstructure:"retry_refusals"`

	empty configkeys.Empty // to explain what Validate finds
}

func createDefaultConfig() component.Config { return &Config{Path: "report.json"} }

// Unmarshal implements confmap.Unmarshaler.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	return c.empty.Explain(configkeys.Unmarshal(conf, c, map[string]string{"file": "path", "filename": "path"}))
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error { return c.empty.Explain(c.validate()) }

func (c *Config) validate() error {
	if strings.TrimSpace(c.Path) == "" {
		return errors.New("path: required; name the file that the report is written to, e.g. report.json")
	}
	base := filepath.Base(c.Path)
	if base == "." || base == ".." || strings.HasSuffix(c.Path, string(filepath.Separator)) {
		return fmt.Errorf("path: %s is a folder; name a file in it", c.Path)
	}
	for i, name := range c.WaitsForResult {
		if strings.TrimSpace(name) == "" {
			return fmt.Errorf("waits_for_result[%d]: empty; write the type of an exporter, e.g. clickhouse, or its id",
				i)
		}
	}
	return nil
}

func (c *Config) skipFile() string { return filepath.Join(filepath.Dir(c.Path), "skipped.jsonl") }

func (c *Config) missingFile() string { return filepath.Join(filepath.Dir(c.Path), "missing.jsonl") }

// pageFile is the page for people: report.html beside report.json.
func (c *Config) pageFile() string {
	return strings.TrimSuffix(c.Path, ".json") + ".html"
}
