// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreporttopicextension

import (
	"errors"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/kafka/configkafka"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowverifyextension/internal/kafkaclient"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
)

// Config is what a user writes under extensions::mlflow_report_topic.
type Config struct {
	// ClientConfig has the keys of the Kafka components: brokers, tls, auth and others.
	configkafka.ClientConfig `mapstructure:",squash"`

	// Topic is what the reports are written to.
	Topic string `mapstructure:"topic"`
	// Timeout is how long a stop waits until the brokers have the last report.
	Timeout time.Duration `mapstructure:"timeout"`

	empty configkeys.Empty // to explain what Validate finds
}

func createDefaultConfig() component.Config {
	return &Config{ClientConfig: configkafka.NewDefaultClientConfig(), Timeout: 10 * time.Second}
}

// Unmarshal implements confmap.Unmarshaler.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	return c.empty.Explain(configkeys.Unmarshal(conf, c, map[string]string{"topics": "topic", "sasl": "auth::sasl"}))
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error { return c.empty.Explain(c.validate()) }

func (c *Config) validate() error {
	err := kafkaclient.Validate(&c.ClientConfig)
	if c.Topic == "" {
		err = errors.Join(err, errors.New("topic: required; the topic that the reports are written to, e.g. "+
			"mlflow-traces-reports"))
	}
	if c.Timeout <= 0 {
		err = errors.Join(err, errors.New("timeout: write how long a stop waits for the brokers, e.g. 10s"))
	}
	return err
}
