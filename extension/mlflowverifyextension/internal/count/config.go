// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package count counts by SQL how many traces of each experiment are in tables of Unity Catalog.
package count

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Config is the group `databricks` of the extension.
type Config struct {
	// Host is the workspace's address, Profile a profile of the Databricks CLI. One of them is required.
	Host    string                  `mapstructure:"host"`
	Profile string                  `mapstructure:"profile"`
	Auth    access.Auth             `mapstructure:"auth"`
	HTTP    confighttp.ClientConfig `mapstructure:"http"`
	// WarehouseID is the SQL warehouse that counts; it is started if it is stopped.
	WarehouseID string `mapstructure:"warehouse_id"`
	// Tables are the tables of spans that consumers write to, catalog.schema.table; Layout is their generation.
	Tables []string     `mapstructure:"tables"`
	Layout unity.Layout `mapstructure:"layout"`
	// Timeout is how long rows may take to become visible.
	Timeout time.Duration `mapstructure:"timeout"`
}

// requestTimeout is that of one request: statements are run in the background.
const requestTimeout = time.Minute

// NewDefaultConfig returns the defaults.
func NewDefaultConfig() Config {
	http := confighttp.NewDefaultClientConfig()
	http.Timeout = requestTimeout
	return Config{HTTP: http, Layout: unity.LayoutV2, Timeout: 10 * time.Minute}
}

// Access is what the way to the workspace is opened with.
func (c *Config) Access() access.Settings {
	return access.Settings{Host: c.Host, Profile: c.Profile, Auth: c.Auth, HTTP: c.HTTP}
}

// Validate returns what is wrong with the configuration, naming the key.
func (c *Config) Validate() error {
	way := c.Access()
	errs := []error{way.Validate()}
	if c.WarehouseID == "" {
		errs = append(errs, errors.New("warehouse_id: required; the SQL warehouse that counts"))
	}
	if len(c.Tables) == 0 {
		errs = append(errs, errors.New("tables: required; the tables of spans, catalog.schema.table"))
	}
	for i, name := range c.Tables {
		if _, err := unity.ParseName(name); err != nil {
			errs = append(errs, fmt.Errorf("tables[%d]: %w", i, err))
		}
	}
	if c.Layout != unity.LayoutV1 && c.Layout != unity.LayoutV2 {
		errs = append(errs, fmt.Errorf("layout: %q is not one of v2, v1", c.Layout))
	}
	if c.Timeout <= 0 {
		errs = append(errs, errors.New("timeout: write how long rows may take to become visible, e.g. 10m"))
	}
	return errors.Join(errs...)
}
