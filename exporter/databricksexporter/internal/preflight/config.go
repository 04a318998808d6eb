package preflight

import "fmt"

// OnFailure says what a fault does.
type OnFailure string

// What a fault does.
const (
	// Hold lets data wait until the fault is mended.
	Hold OnFailure = "hold"
	// Fail makes a fault of a table that the configuration names fail the start; what comes up later holds.
	Fail OnFailure = "fail"
	// Warn logs and reports it; data is sent.
	Warn OnFailure = "warn"
)

// Config is the group `preflight` of the exporter.
type Config struct {
	OnFailure OnFailure `mapstructure:"on_failure"`
}

// DefaultConfig holds data until faults are mended.
func DefaultConfig() Config { return Config{OnFailure: Hold} }

// Validate returns what is wrong with the configuration, naming the key.
func (c *Config) Validate() error {
	switch c.OnFailure {
	case Hold, Fail, Warn:
		return nil
	}
	return fmt.Errorf("on_failure: %q is not one of hold, fail, warn", c.OnFailure)
}
