// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/preflight"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/verify"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Config is what a user writes under exporters::databricks.
type Config struct {
	// Host is the workspace's address. Host or Profile is required.
	Host string `mapstructure:"host"`
	// Profile names a profile in the configuration file of the Databricks CLI, for host and
	// credentials.
	Profile string `mapstructure:"profile"`
	// Auth names the principal that writes: credentials, or an extension that signs requests.
	Auth access.Auth `mapstructure:"auth"`
	// HTTP configures requests to the workspace: tls, proxy_url, timeout, headers. Its endpoint
	// must stay empty.
	HTTP confighttp.ClientConfig `mapstructure:"http"`

	// Routing says where data goes: catalog, schema, table_prefix, tables, layout, routes,
	// on_no_route.
	route.Routing `mapstructure:",squash"`
	// MaxDestinations bounds the number of tables.
	MaxDestinations int `mapstructure:"max_destinations"`
	// MaxMemoryMiB bounds the data in memory of all destinations together; each has an equal share.
	MaxMemoryMiB int `mapstructure:"max_memory_mib"`

	// PathPrefix is the path in front of /traces, /logs and /metrics, TableHeader the header that
	// names the table.
	PathPrefix  string `mapstructure:"path_prefix"`
	TableHeader string `mapstructure:"table_header"`
	// TracesPerSecond bounds the distinct traces sent in a second, all destinations together; 0 is
	// no bound.
	TracesPerSecond float64 `mapstructure:"traces_per_second"`

	// Preflight looks at destinations before data is sent there; Verify counts in the tables what
	// has arrived.
	Preflight preflight.Config `mapstructure:"preflight"`
	Verify    verify.Config    `mapstructure:"verify"`
	// HoldMax is how long data is held for a missing grant or table before it goes to the
	// dead-letter file; 0 is for ever.
	HoldMax time.Duration `mapstructure:"hold_max"`
	// DeadLetter is the file for what is given up.
	DeadLetter string `mapstructure:"dead_letter"`
	// Queue, Retry and Timeout are exporterhelper's; every destination has a queue of its own.
	// Timeout bounds one request.
	Queue   configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	Retry   configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
	Timeout exporterhelper.TimeoutConfig                             `mapstructure:",squash"`

	empty configkeys.Empty // to explain what Validate finds
}

// httpTimeout bounds every request to the workspace, requestTimeout one request with data.
const (
	httpTimeout    = time.Minute
	requestTimeout = 30 * time.Second
)

func createDefaultConfig() component.Config {
	http := confighttp.NewDefaultClientConfig()
	http.Timeout = httpTimeout
	http.Compression = configcompression.Type("none")
	http.WriteBufferSize = 512 << 10
	http.MaxIdleConnsPerHost = http.MaxIdleConns // there is one host
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.WaitForResult = true
	queue.BlockOnOverflow = true
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	retry.MaxInterval = 30 * time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		HTTP:            http,
		Routing:         route.Routing{Layout: unity.LayoutV2, OnNoRoute: route.OnNoRouteReject},
		MaxDestinations: 64,
		MaxMemoryMiB:    256,
		PathPrefix:      "/api/2.0/otel/v1",
		TableHeader:     "X-Databricks-UC-Table-Name",
		TracesPerSecond: 100,
		Preflight:       preflight.NewDefaultConfig(),
		Verify:          verify.NewDefaultConfig(),
		Queue:           configoptional.Some(queue),
		Retry:           retry,
		Timeout:         exporterhelper.TimeoutConfig{Timeout: requestTimeout},
	}
}

// meant are names that people know from elsewhere.
var meant = map[string]string{
	"endpoint": "host", "url": "host", "workspace": "host", "workspace_url": "host", "prefix": "table_prefix",
	"table": "tables::traces", "queue": "sending_queue", "retry": "retry_on_failure",
	"authenticator": "auth::authenticator",
	"warehouse_id":  "verify::warehouse_id", "sql_warehouse_id": "verify::warehouse_id",
}

// Unmarshal implements confmap.Unmarshaler. It accepts numbers as ids of experiments, and switches
// wait_for_result off where storage is written and it is not.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	if err := textRoutes(conf); err != nil {
		return c.empty.Explain(err)
	}
	if err := configkeys.Unmarshal(conf, c, meant); err != nil {
		return c.empty.Explain(err)
	}
	if q := c.Queue.Get(); q != nil && q.StorageID != nil && !conf.IsSet("sending_queue::wait_for_result") {
		q.WaitForResult = false
	}
	return nil
}
