// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Config is what a user writes under extensions::databricks_setup.
type Config struct {
	// Host is the workspace's address. Host or Profile is required.
	Host string `mapstructure:"host"`
	// Profile names a profile in the configuration file of the Databricks CLI, for host and
	// credentials.
	Profile string `mapstructure:"profile"`
	// Auth names the principal that signs in: an administrator, not the principal that delivers
	// data.
	Auth access.Auth `mapstructure:"auth"`
	// HTTP configures requests to the workspace. Its endpoint must stay empty.
	HTTP confighttp.ClientConfig `mapstructure:"http"`
	// WarehouseID is the SQL warehouse that runs statements. A plan without it prints them all the
	// same.
	WarehouseID string `mapstructure:"warehouse_id"`

	// Catalog, Schema and TablePrefix name the location, as in the databricks exporter.
	Catalog     string `mapstructure:"catalog"`
	Schema      string `mapstructure:"schema"`
	TablePrefix string `mapstructure:"table_prefix"`
	// Layout is the generation of the tables, v2 or v1.
	Layout unity.Layout `mapstructure:"layout"`

	// Experiment is the one whose traces lie there.
	Experiment ExperimentConfig `mapstructure:"experiment"`
	// Scores are names of assessments that get a column although none has arrived yet. Reports are
	// files of mlflow_report, whose scores are added.
	Scores  []string `mapstructure:"scores"`
	Reports []string `mapstructure:"reports"`
	// Grants say who may do what.
	Grants []GrantConfig `mapstructure:"grants"`
	// Views and Monitor are what is made over the tables.
	Views   ViewsConfig   `mapstructure:"views"`
	Monitor MonitorConfig `mapstructure:"monitor"`

	// Apply does what the plan says. Teardown prints the reverse.
	Apply    bool `mapstructure:"apply"`
	Teardown bool `mapstructure:"teardown"`
	// OnComplete is what happens at the end: shutdown ends the process, stay leaves it running.
	OnComplete OnComplete `mapstructure:"on_complete"`

	empty configkeys.Empty // to explain what Validate finds
}

// ExperimentConfig names an experiment. Without a name and id no experiment is made or linked, and
// the tables must be there.
type ExperimentConfig struct {
	// Name is its path in the workspace, /Shared/support-bot; it is created if there is none. ID is
	// that of one that is there.
	Name string `mapstructure:"name"`
	ID   string `mapstructure:"id"`
	// LinkExisting links one that holds traces, which hides them.
	LinkExisting bool `mapstructure:"link_existing"`
	// MonitoringWarehouseID is the SQL warehouse with which MLflow reads and monitors its traces. It
	// becomes a tag of the experiment; empty leaves the tag alone.
	MonitoringWarehouseID string `mapstructure:"monitoring_warehouse_id"`
}

// GrantConfig says what one principal may do.
type GrantConfig struct {
	// Principal is a user, a group, or the application id of a service principal.
	Principal string `mapstructure:"principal"`
	// Write: deliver data. Annotate: write tags, feedback and expectations with MLflow. Read: the
	// views of traces, spans and scores. Content: the views of what was asked and answered.
	Write    bool `mapstructure:"write"`
	Annotate bool `mapstructure:"annotate"`
	Read     bool `mapstructure:"read"`
	Content  bool `mapstructure:"content"`
	// AllUsers is the second yes that groups of all users need.
	AllUsers bool `mapstructure:"all_users"`
}

// ViewsConfig says how the views are made.
type ViewsConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Prefix is what their names begin with; empty is the table prefix. ScorePrefix is the prefix
	// of the attributes that hold scores, as in the genai processor.
	Prefix      string `mapstructure:"prefix"`
	ScorePrefix string `mapstructure:"score_prefix"`
	// Logs and Annotations take scores from these tables, too.
	Logs        bool `mapstructure:"logs"`
	Annotations bool `mapstructure:"annotations"`
	// Streaming makes the streaming table, which is proposed above RowLimit spans; 0 never proposes
	// it.
	Streaming bool  `mapstructure:"streaming"`
	RowLimit  int64 `mapstructure:"row_limit"`
}

// MonitorConfig says how the quality monitors are made.
type MonitorConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// On is what the monitors look at: the views, or tables that are copies of them.
	On MonitorOn `mapstructure:"on"`
	// AssetsDir is the folder of the workspace for dashboards, empty for one below
	// /Workspace/Shared; OutputSchema is catalog.schema for the metrics, empty for that of the
	// views.
	AssetsDir    string `mapstructure:"assets_dir"`
	OutputSchema string `mapstructure:"output_schema"`
	// Granularities are the windows of time. SlicingExprs slice the view of traces,
	// ScoreSlicingExprs that of scores.
	Granularities     []string `mapstructure:"granularities"`
	SlicingExprs      []string `mapstructure:"slicing_exprs"`
	ScoreSlicingExprs []string `mapstructure:"score_slicing_exprs"`
	// Schedule is when it runs; an empty expression is never.
	Schedule ScheduleConfig `mapstructure:"schedule"`
	// Dashboard makes the built-in dashboard.
	Dashboard bool `mapstructure:"dashboard"`
}

// MonitorOn is what a monitor looks at.
type MonitorOn string

// What monitors look at.
const (
	MonitorOnView  MonitorOn = "view"
	MonitorOnTable MonitorOn = "table"
)

// ScheduleConfig is a schedule in the words of Quartz.
type ScheduleConfig struct {
	QuartzCronExpression string `mapstructure:"quartz_cron_expression"`
	TimezoneID           string `mapstructure:"timezone_id"`
}

// OnComplete is what happens at the end.
type OnComplete string

// What happens.
const (
	OnCompleteShutdown OnComplete = "shutdown"
	OnCompleteStay     OnComplete = "stay"
)

// requestTimeout is long: making a location may start a warehouse.
const requestTimeout = 5 * time.Minute

func createDefaultConfig() component.Config {
	http := confighttp.NewDefaultClientConfig()
	http.Timeout = requestTimeout
	return &Config{
		HTTP: http, Layout: unity.LayoutV2, OnComplete: OnCompleteShutdown,
		Views: ViewsConfig{Enabled: true, Logs: true, Annotations: true, RowLimit: 10_000_000},
		Monitor: MonitorConfig{
			Enabled: true, On: MonitorOnView, Dashboard: true, Granularities: []string{"1 hour", "1 day"},
			SlicingExprs:      []string{"experiment", "app_version", "status", "trace_kind = 'live'"},
			ScoreSlicingExprs: []string{"score_name", "trace_kind = 'live'"},
			Schedule:          ScheduleConfig{QuartzCronExpression: "0 0 6 * * ?", TimezoneID: "UTC"},
		},
	}
}

// meant are names that people know from elsewhere.
var meant = map[string]string{
	"endpoint": "host", "url": "host", "workspace": "host", "workspace_url": "host", "prefix": "table_prefix",
	"sql_warehouse_id": "warehouse_id", "monitors": "monitor", "authenticator": "auth::authenticator",
}

// Unmarshal implements confmap.Unmarshaler. It accepts numbers where ids and names are meant.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	for _, key := range []string{"experiment::id", "experiment::monitoring_warehouse_id", "warehouse_id",
		"table_prefix"} {
		switch v := conf.Get(key).(type) {
		case int, int64, uint64:
			part := any(fmt.Sprint(v))
			if group, member, ok := strings.Cut(key, "::"); ok {
				part = map[string]any{member: part}
				key = group
			}
			if err := conf.Merge(confmap.NewFromStringMap(map[string]any{key: part})); err != nil {
				return err
			}
		}
	}
	return c.empty.Explain(configkeys.Unmarshal(conf, c, meant))
}
