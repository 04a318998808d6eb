// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import "fmt"

// OnFailure says what a fault does.
type OnFailure string

const (
	// OnFailureHold lets data wait until the fault is gone.
	OnFailureHold OnFailure = "hold"
	// OnFailureFail makes a fault of a table that the configuration names fail the start; what
	// comes up later holds.
	OnFailureFail OnFailure = "fail"
	// OnFailureWarn logs and reports it; data is sent.
	OnFailureWarn OnFailure = "warn"
)

// Config is the group `preflight` of the exporter.
type Config struct {
	OnFailure OnFailure `mapstructure:"on_failure"`
}

// NewDefaultConfig holds data until faults are gone.
func NewDefaultConfig() Config { return Config{OnFailure: OnFailureHold} }

// Validate returns what is wrong with the configuration, naming the key.
func (c *Config) Validate() error {
	switch c.OnFailure {
	case OnFailureHold, OnFailureFail, OnFailureWarn:
		return nil
	}
	return fmt.Errorf("on_failure: %q is not one of hold, fail, warn", c.OnFailure)
}
