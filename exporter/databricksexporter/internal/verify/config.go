// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// When says when arrival is counted.
type When string

const (
	// WhenNever counts nothing.
	WhenNever When = "never"
	// WhenEndOfBackfill counts at Shutdown, if the runs of the mlflow receivers have come to their
	// end; not when the process is stopped in the middle.
	WhenEndOfBackfill When = "end_of_backfill"
)

// Config is the group `verify` of the exporter.
type Config struct {
	When When `mapstructure:"when"`
	// WarehouseID is the SQL warehouse that counts; it is started if it is stopped. Without one
	// nothing is counted, and the report says "arrived: not verified".
	WarehouseID string `mapstructure:"warehouse_id"`
	// Timeout is how long after the last answer rows may take to become visible, and how long
	// counting may take at most.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxTraces bounds what is remembered: 90 bytes a trace and 8 bytes a span, for this many
	// traces and 32 times as many spans. What is beyond is reported as not verified.
	MaxTraces int `mapstructure:"max_traces"`
}

// NewDefaultConfig counts at the end of a backfill as soon as a warehouse is named.
func NewDefaultConfig() Config {
	return Config{When: WhenEndOfBackfill, Timeout: 10 * time.Minute, MaxTraces: 1_000_000}
}

var warehouse = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Validate returns what is wrong with the configuration, naming the key.
func (c *Config) Validate() error {
	var errs []error
	if c.When != WhenNever && c.When != WhenEndOfBackfill {
		errs = append(errs, fmt.Errorf("when: %q is not one of never, end_of_backfill", c.When))
	}
	if c.WarehouseID != "" && !warehouse.MatchString(c.WarehouseID) {
		id := c.WarehouseID[strings.LastIndexByte(c.WarehouseID, '/')+1:]
		if warehouse.MatchString(id) {
			errs = append(errs, fmt.Errorf("warehouse_id: write the id alone: %s", id))
		} else {
			errs = append(errs, errors.New("warehouse_id: this is no id of a SQL warehouse; it stands in the "+
				"warehouse's Connection details, after /warehouses/"))
		}
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: write how long rows may take to become visible, e.g. 10m"))
	}
	if c.MaxTraces <= 0 {
		errs = append(
			errs,
			errors.New("max_traces: write how many traces may be remembered; `when: never` counts nothing"),
		)
	}
	return errors.Join(errs...)
}

// due reports whether anything is to be counted at all.
func (c *Config) due() bool { return c.When != WhenNever && c.WarehouseID != "" }
