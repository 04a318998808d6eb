// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/selection"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/source"
)

// Config is what a user writes under receivers::mlflow.
type Config struct {
	// TrackingURI is where the traces are, spelled as MLflow spells it: http(s)://host[/prefix],
	// databricks, databricks://PROFILE, sqlite:///file, postgresql://user:password@host/database or
	// mysql://user:password@host/database. It is opaque because it may hold a password.
	TrackingURI configopaque.String `mapstructure:"tracking_uri"`
	// HTTP configures requests to a tracking server: tls, auth, headers, timeout, proxy_url. Its
	// endpoint must stay empty.
	HTTP confighttp.ClientConfig `mapstructure:"http"`
	// Databricks names the workspace that tracking_uri: databricks means, and the credentials.
	// Nothing is taken from the environment.
	Databricks DatabricksConfig `mapstructure:"databricks"`
	// Database says where the password of a PostgreSQL or MySQL server comes from, unless tracking_uri
	// holds it.
	Database DatabaseConfig `mapstructure:"database"`
	// SQLWarehouseID names the SQL warehouse that searches and reads traces in Unity Catalog.
	SQLWarehouseID string `mapstructure:"sql_warehouse_id"`
	// Artifacts says where files of spans are that a store keeps outside of its database.
	Artifacts artifacts.Config `mapstructure:"artifacts"`
	// Workspace is sent as X-MLFLOW-WORKSPACE when it is set.
	Workspace string `mapstructure:"workspace"`
	// Experiments selects what is read; at least one id or name must be written.
	Experiments ExperimentsConfig `mapstructure:"experiments"`
	// Filter is an MLflow search filter, passed on to the source.
	Filter string `mapstructure:"filter"`
	// StartTime and EndTime bound the traces by their timestamp.
	StartTime selection.Time `mapstructure:"start_time"`
	EndTime   selection.Time `mapstructure:"end_time"`
	// TraceIDsFile restricts the run to the traces listed in a file: an id per line, or the lines
	// of skipped.jsonl.
	TraceIDsFile string `mapstructure:"trace_ids_file"`
	// Mode is check, backfill, tail or backfill_then_tail.
	Mode Mode `mapstructure:"mode"`
	// CollectionInterval is the time between two looks for what is new while a source is followed; it
	// grows to ten times as much when nothing new comes.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// Overlap is how far back a source that is followed is asked again, and how often.
	Overlap time.Duration `mapstructure:"overlap"`
	// UnfinishedAfter is how long after its last sign of life an unfinished trace is delivered as it is.
	UnfinishedAfter time.Duration `mapstructure:"unfinished_after"`
	// LateChanges says how changes of delivered traces are found. They are told as log records, so a
	// pipeline of logs must be there.
	LateChanges LateChangesConfig `mapstructure:"late_changes"`
	// OnComplete says what happens when the work is done: stay or shutdown.
	OnComplete OnComplete `mapstructure:"on_complete"`
	// ShutdownTimeout is how long a stop waits for units in flight before it gives them back.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
	// MaxSkipped is the number of skipped traces, or their share of those read, above which a run
	// is not complete.
	MaxSkipped selection.Tolerance `mapstructure:"max_skipped"`
	// RetrySkipped makes later runs try skipped and rejected traces again.
	RetrySkipped bool `mapstructure:"retry_skipped"`
	// RejectAfter is the shortest time between two refusals of a trace, after which it may be
	// rejected.
	RejectAfter time.Duration `mapstructure:"reject_after"`
	// Accept is the weakest word of delivery for which on_complete: shutdown ends with status 0.
	Accept progress.Delivery `mapstructure:"accept"`
	// GiveUpAfter ends a run with on_complete: shutdown whose destination refuses and has accepted
	// nothing for so long; 0 is never.
	GiveUpAfter time.Duration `mapstructure:"give_up_after"`
	// Shard is the part of a backfill that this receiver reads, where several processes share it.
	Shard ShardConfig `mapstructure:"shard"`
	// Recheck is how many recent days are listed again by each run where the source has no sums of
	// durations.
	Recheck selection.Recheck `mapstructure:"recheck"`
	// Rotate is how many of the days that were listed longest ago are listed again by each run where
	// the source can't count by day.
	Rotate int `mapstructure:"rotate"`
	// OnReplaced says what happens when another experiment has taken the place of a delivered one.
	OnReplaced OnReplaced `mapstructure:"on_replaced"`
	// PageSize is the number of traces that are planned at a time, 1 to 500.
	PageSize int `mapstructure:"page_size"`
	// Concurrency is the largest number of requests for pages of infos and for spans in flight at
	// the source. Of a PostgreSQL or MySQL server it is the number of connections, 1 where nothing is
	// written.
	Concurrency int `mapstructure:"concurrency"`
	// RequestsPerSecond bounds all requests to a tracking server together; 0 is no bound.
	RequestsPerSecond float64 `mapstructure:"requests_per_second"`
	// TracesPerSecond bounds how many traces' spans are read per second, of any source; 0 is no bound.
	TracesPerSecond float64 `mapstructure:"traces_per_second"`
	// MaxSourceUtilization is the share of time in which all requests together may keep a tracking server
	// busy; 1 is no bound.
	MaxSourceUtilization float64 `mapstructure:"max_source_utilization"`
	// RetryOnFailure is the back-off for requests to the source. Its intervals are also those
	// between the single traces that are sent to a destination that refuses; max_elapsed_time
	// concerns the source only.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// MaxTraceSizeMiB is the size above which a trace is skipped.
	MaxTraceSizeMiB int `mapstructure:"max_trace_size_mib"`
	// Payloads says how inputs, outputs and other containers are written: structured or json.
	Payloads genai.Payloads `mapstructure:"payloads"`
	// CaptureContent false leaves prompts, answers and everything else that may hold them out.
	CaptureContent bool `mapstructure:"capture_content"`
	// StorageID names the storage extension that keeps the position; the word none keeps it in
	// memory.
	StorageID *component.ID `mapstructure:"storage"`

	empty configkeys.Empty // to explain what Validate finds
}

// DatabricksConfig names a workspace and the credentials for it.
type DatabricksConfig struct {
	// Host is the workspace's address.
	Host string `mapstructure:"host"`
	// Profile names a section of the configuration file of the Databricks CLI; tracking_uri:
	// databricks://PROFILE says the same.
	Profile string `mapstructure:"profile"`
	// Auth holds the credentials, with the keys of Databricks unified authentication.
	Auth signin.Credentials `mapstructure:"auth"`
}

// DatabaseConfig says where the password of a database server comes from. It is asked for at each connect, so
// that it may be a token that expires.
type DatabaseConfig struct {
	// PasswordFile is a file that holds the password.
	PasswordFile string `mapstructure:"password_file"`
	// PasswordCommand is a command with its arguments that prints the password. No shell is involved.
	PasswordCommand []string `mapstructure:"password_command"`
}

// LateChangesConfig says how changes of delivered traces are found.
type LateChangesConfig struct {
	// LookBack is how old, by its start, a trace is at most that is looked at.
	LookBack time.Duration `mapstructure:"lookback"`
	// Interval is how often a source that is followed is asked for the traces of the last hour.
	Interval time.Duration `mapstructure:"interval"`
	// ResendSpans sends the spans of a changed trace again, the topmost one with a higher revision. It is
	// for destinations that replace a span by a newer one with its id.
	ResendSpans bool `mapstructure:"resend_spans"`
}

// ShardConfig says which part of a backfill is read.
type ShardConfig struct {
	// Index is that of this process, from 0 on. It must be written where Count is more than 1.
	Index int `mapstructure:"index"`
	// Count is the number of processes that share the backfill; 1 for one that reads everything.
	Count int `mapstructure:"count"`
	// Import is what begins a storage that does not hold the position of this shard: the folders of the
	// former shards, or the word none to start over.
	Import Imports `mapstructure:"import"`
}

// noIndex stands for an index that is not written, or that comes from a variable that is not set. 0 would
// make several processes read the same.
const noIndex = -1

// Imports are the folders whose positions are imported; the word none alone imports nothing.
type Imports []string

// UnmarshalScalar implements confmap.ScalarUnmarshaler, for a list, and for the word none or a folder alone.
func (i *Imports) UnmarshalScalar(v confmap.ScalarValue) error {
	raw, ok := v.GetRaw().([]any)
	if !ok && v.GetRaw() != nil && v.GetRaw() != "" {
		raw = []any{v.GetRaw()}
	}
	*i = nil
	for _, r := range raw {
		folder, ok := r.(string)
		if !ok {
			return fmt.Errorf("%v is not a folder; write the storage folders of the former shards, or none", r)
		}
		*i = append(*i, folder)
	}
	return nil
}

// none reports whether the word none is written.
func (i Imports) none() bool { return len(i) == 1 && i[0] == importNone }

const importNone = "none"

// shard is the part of the backfill that is read.
func (c *Config) shard() progress.Shard {
	return progress.Shard{Index: c.Shard.Index, Count: c.Shard.Count}
}

// ExperimentsConfig selects experiments: ids and names add up, exclude wins.
type ExperimentsConfig struct {
	IDs     []string `mapstructure:"ids"`     // numbers, as MLflow shows them
	Names   []string `mapstructure:"names"`   // exact names or globs
	Exclude []string `mapstructure:"exclude"` // ids, names or globs
	// Deleted includes deleted experiments.
	Deleted bool `mapstructure:"deleted"`
}

// UnmarshalScalar implements confmap.ScalarUnmarshaler, for the short form: a list of what is
// written in digits only, which is an id, and of names or globs; or one of them alone.
func (c *ExperimentsConfig) UnmarshalScalar(v confmap.ScalarValue) error {
	ids, names, err := selection.Split(v.GetRaw())
	if err != nil {
		return fmt.Errorf("experiments: %w", err)
	}
	c.IDs, c.Names = ids, names
	return nil
}

// Mode is what the receiver does: it counts what it would read, reads what is there, or follows the
// source.
type Mode string

// The modes.
const (
	ModeCheck            Mode = "check"
	ModeBackfill         Mode = "backfill"
	ModeTail             Mode = "tail" // from now on, or from start_time
	ModeBackfillThenTail Mode = "backfill_then_tail"
)

// follows reports whether the source is followed.
func (m Mode) follows() bool { return m == ModeTail || m == ModeBackfillThenTail }

// OnReplaced says what happens when another experiment has taken the place of a delivered one.
type OnReplaced string

// The reactions to a replaced experiment.
const (
	OnReplacedStop      OnReplaced = "stop"       // the run ends and says what to do
	OnReplacedStartOver OnReplaced = "start_over" // the experiment is delivered from its start
)

// OnComplete is what happens when the work is done.
type OnComplete string

// Ways to end.
const (
	OnCompleteStay     OnComplete = "stay"
	OnCompleteShutdown OnComplete = "shutdown"
)

func createDefaultConfig() component.Config {
	var maxSkipped selection.Tolerance
	_ = maxSkipped.UnmarshalText([]byte("1% or 3")) // a constant that parses
	http := confighttp.NewDefaultClientConfig()
	http.Timeout = 2 * time.Minute
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	retry.MaxInterval = 30 * time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		HTTP:               http,
		Artifacts:          artifacts.NewDefaultConfig(),
		Mode:               ModeBackfill,
		CollectionInterval: 30 * time.Second,
		Overlap:            10 * time.Minute,
		UnfinishedAfter:    24 * time.Hour,
		LateChanges:        LateChangesConfig{LookBack: 7 * 24 * time.Hour, Interval: 5 * time.Minute},
		OnComplete:         OnCompleteStay,
		ShutdownTimeout:    5 * time.Second,
		MaxSkipped:         maxSkipped,
		RetrySkipped:       true,
		RejectAfter:        30 * time.Second,
		Accept:             progress.Acknowledged,
		GiveUpAfter:        15 * time.Minute,
		Shard:              ShardConfig{Count: 1},
		Recheck:            selection.RecheckDays(7),
		Rotate:             10,
		OnReplaced:         OnReplacedStop,
		PageSize:           500,
		Concurrency:        2,

		MaxSourceUtilization: 0.5,
		RetryOnFailure:       retry,
		MaxTraceSizeMiB:      64,
		Payloads:             genai.PayloadsStructured,
		CaptureContent:       true,
	}
}

// meant are names that people know from elsewhere.
var meant = map[string]string{
	"endpoint": "tracking_uri", "url": "tracking_uri", "uri": "tracking_uri", "address": "tracking_uri",
	"server": "tracking_uri", "experiment_ids": "experiments::ids", "experiment_names": "experiments::names",
	"since": "start_time", "until": "end_time", "storage_id": "storage", "retry": "retry_on_failure",
	"warehouse_id": "sql_warehouse_id", "traces": "trace_ids_file", "tls": "http::tls", "timeout": "http::timeout",
	"artifacts_destination": "artifacts::destination", "max_traces_per_second": "traces_per_second",
	"rate_limit": "traces_per_second",
}

// Unmarshal implements confmap.Unmarshaler. It accepts the values that people write without quotes.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	err := selection.Normalize(conf)
	if err == nil {
		err = configkeys.Unmarshal(conf, c, meant)
	}
	if err == nil && c.Shard.Count > 1 && conf.Get("shard::index") == nil {
		c.Shard.Index = noIndex
	}
	if err == nil && !conf.IsSet("concurrency") && source.IsDatabaseServer(string(c.TrackingURI)) {
		c.Concurrency = 1
	}
	return c.empty.Explain(err)
}

// inMemory reports whether the position is kept in memory on purpose.
func (c *Config) inMemory() bool { return c.StorageID == nil || c.StorageID.String() == "none" }

// database is how a database server is read.
func (c *Config) database() source.Database { return source.Database(c.Database) }

// workspace is how a Databricks workspace is read.
func (c *Config) workspace() source.Databricks {
	d := c.Databricks
	return source.Databricks{SignIn: signin.Config{Host: d.Host, Profile: d.Profile, Credentials: d.Auth},
		Warehouse: c.SQLWarehouseID}
}
