// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowquarantineconnector

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pipeline"
)

// Config is what a user writes under connectors::mlflow_quarantine. DeadLetters is required.
type Config struct {
	// DeadLetters are the ids of the pipelines that take what is refused for good. All other pipelines behind the
	// connector deliver.
	DeadLetters []pipeline.ID `mapstructure:"dead_letters"`
	// RejectAfter is the time between two refusals of a trace that count.
	RejectAfter time.Duration `mapstructure:"reject_after"`
	// Retry are the intervals between two attempts while nothing is accepted.
	Retry RetryConfig `mapstructure:"retry_on_failure"`
}

// RetryConfig is the intervals of a back-off that has no end.
type RetryConfig struct {
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	MaxInterval     time.Duration `mapstructure:"max_interval"`
}

var _ component.Config = (*Config)(nil)

func createDefaultConfig() component.Config {
	return &Config{RejectAfter: 30 * time.Second,
		Retry: RetryConfig{InitialInterval: time.Second, MaxInterval: 30 * time.Second}}
}

// Validate implements xconfmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	if len(c.DeadLetters) == 0 {
		errs = append(errs, errors.New("dead_letters: is required: the pipelines for traces that the destination "+
			"refuses for good, for example [traces/dead]"))
	}
	for _, id := range c.DeadLetters {
		if id.Signal() != pipeline.SignalTraces {
			errs = append(errs, fmt.Errorf("dead_letters: %s is no pipeline of traces", id))
		}
	}
	if c.RejectAfter < time.Second {
		errs = append(errs, fmt.Errorf("reject_after: %s is too short to tell a refusal from one that passes; "+
			"write 1s or more", c.RejectAfter))
	}
	if c.Retry.InitialInterval <= 0 {
		errs = append(errs, fmt.Errorf("retry_on_failure::initial_interval: must be more than 0, not %s",
			c.Retry.InitialInterval))
	}
	if c.Retry.MaxInterval < c.Retry.InitialInterval {
		errs = append(errs, fmt.Errorf("retry_on_failure::max_interval: %s is less than initial_interval %s",
			c.Retry.MaxInterval, c.Retry.InitialInterval))
	}
	return errors.Join(errs...)
}

// divide returns which of the pipelines behind the connector deliver.
func (c *Config) divide(behind []pipeline.ID) (deliver []pipeline.ID, err error) {
	for _, id := range c.DeadLetters {
		if !slices.Contains(behind, id) {
			return nil, fmt.Errorf("dead_letters: no pipeline %s takes from this connector; write "+
				"service::pipelines::%s::receivers with it", id, id)
		}
	}
	deliver = slices.DeleteFunc(slices.Clone(behind), func(id pipeline.ID) bool {
		return slices.Contains(c.DeadLetters, id)
	})
	if len(deliver) == 0 {
		return nil, errors.New("dead_letters: all pipelines that take from this connector are named; one that " +
			"delivers is missing")
	}
	return deliver, nil
}
