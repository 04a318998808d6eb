// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowverifyextension

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/count"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/kafkaclient"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Config is what a user writes under extensions::mlflow_verify.
type Config struct {
	// ClientConfig has the keys of the Kafka components: brokers, tls, auth and others.
	configkafka.ClientConfig `mapstructure:",squash"`

	// Topic is what the readers wrote to, and GroupID the group whose members deliver it.
	Topic   string `mapstructure:"topic"`
	GroupID string `mapstructure:"group_id"`
	// Reports are the places of the reports of all readers, and ConsumerReports those of the members of the group: a
	// file, a pattern, or a folder that is searched for files report.json.
	Reports         []string `mapstructure:"reports"`
	ConsumerReports []string `mapstructure:"consumer_reports"`
	// ReportsTopic has reports of both, which mlflow_report_topic wrote.
	ReportsTopic string `mapstructure:"reports_topic"`
	// DeadLetters is where consumers write what a destination refuses for good.
	DeadLetters DeadLettersConfig `mapstructure:"dead_letters"`
	// Databricks counts the traces at the destination. Without it nothing is counted.
	Databricks configoptional.Optional[count.Config] `mapstructure:"databricks"`
	// StalledAfter is how long no partition may move before the waiting ends; PollInterval is the time between two
	// looks.
	StalledAfter time.Duration `mapstructure:"stalled_after"`
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// Accept is the weakest word with which the exit status is 0.
	Accept progress.Delivery `mapstructure:"accept"`
	// Path is the file that the verdict is written to.
	Path string `mapstructure:"path"`
	// OnComplete is what happens at the end: shutdown ends the process, stay leaves it running.
	OnComplete OnComplete `mapstructure:"on_complete"`

	empty configkeys.Empty // to explain what Validate finds
}

// DeadLettersConfig names a topic of dead letters besides those that the reports of consumers name, and the group that
// feeds dead letters back.
type DeadLettersConfig struct {
	Topic   string `mapstructure:"topic"`
	GroupID string `mapstructure:"group_id"`
}

// OnComplete is what happens at the end.
type OnComplete string

// What happens.
const (
	OnCompleteShutdown OnComplete = "shutdown"
	OnCompleteStay     OnComplete = "stay"
)

func createDefaultConfig() component.Config {
	return &Config{
		ClientConfig: configkafka.NewDefaultClientConfig(),
		Databricks:   configoptional.Default(count.NewDefaultConfig()),
		StalledAfter: 10 * time.Minute, PollInterval: 2 * time.Second, Accept: progress.Acknowledged,
		Path: "verdict.json", OnComplete: OnCompleteShutdown,
	}
}

// Unmarshal implements confmap.Unmarshaler.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	return c.empty.Explain(configkeys.Unmarshal(conf, c, map[string]string{
		"group": "group_id", "topics": "topic", "report": "reports", "file": "path", "sasl": "auth::sasl"}))
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error { return c.empty.Explain(c.validate()) }

func (c *Config) validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := kafkaclient.Validate(&c.ClientConfig); err != nil {
		errs = append(errs, err)
	}
	if c.Topic == "" {
		fail("topic: required; the topic that the readers wrote to")
	}
	if c.GroupID == "" {
		fail("group_id: required; the group whose members deliver the topic")
	}
	if len(c.Reports) == 0 && c.ReportsTopic == "" {
		fail("reports: required, or reports_topic; the reports of all readers: files, patterns or folders")
	}
	if c.ReportsTopic == c.Topic && c.Topic != "" {
		fail("reports_topic: this is the topic that the readers wrote traces to")
	}
	for key, places := range map[string][]string{"reports": c.Reports, "consumer_reports": c.ConsumerReports} {
		if slices.ContainsFunc(places, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			fail("%s: a place is empty", key)
		}
	}
	if c.DeadLetters.Topic != "" && c.DeadLetters.Topic == c.Topic {
		fail("dead_letters::topic: this is the topic that the readers wrote to")
	}
	if c.Databricks.HasValue() {
		if err := c.Databricks.Get().Validate(); err != nil {
			fail("databricks::%w", err)
		}
	}
	if c.StalledAfter <= 0 {
		fail("stalled_after: write how long no partition may move, e.g. 10m")
	}
	if c.PollInterval <= 0 {
		fail("poll_interval: write the time between two looks, e.g. 2s")
	}
	if !slices.Contains([]progress.Delivery{progress.Verified, progress.Acknowledged, progress.HandedOver}, c.Accept) {
		fail("accept: %q is not one of verified, acknowledged, handed_over", c.Accept)
	}
	if base := filepath.Base(c.Path); base == "." || base == ".." || strings.HasSuffix(c.Path, "/") {
		fail("path: required; name the file that the verdict is written to, e.g. verdict.json")
	}
	if !slices.Contains([]OnComplete{OnCompleteShutdown, OnCompleteStay}, c.OnComplete) {
		fail("on_complete: %q is not one of shutdown, stay", c.OnComplete)
	}
	return errors.Join(errs...)
}
