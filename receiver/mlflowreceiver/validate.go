// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflowreceiver

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
	"github.com/otelcol-mlflow/otelcol-mlflow/receiver/mlflowreceiver/internal/source"
)

// minInterval is the shortest time between two looks at a source.
const minInterval = 100 * time.Millisecond

// Validate implements confmap.Validator. Every error names the key, the value and the remedy.
func (c *Config) Validate() error {
	return c.empty.Explain(errors.Join(c.validateSource(), c.validateSelection(), c.validateRun()))
}

func (c *Config) validateSource() error {
	var errs []error
	if c.TrackingURI == "" {
		errs = append(errs, errors.New(`tracking_uri: required; write where the traces are, e.g. `+
			`http://localhost:5000, databricks, sqlite:///mlflow.db or postgresql://user:password@host/database`))
	} else if err := source.Validate(string(c.TrackingURI)); err != nil {
		errs = append(errs, fmt.Errorf("tracking_uri: %w", err))
	}
	uri := string(c.TrackingURI)
	if err := source.ValidateDatabricks(uri, c.workspace(), &c.HTTP); err != nil {
		errs = append(errs, err)
	}
	switch on := source.IsDatabricks(uri); {
	case on && c.Workspace != "":
		errs = append(errs,
			errors.New("workspace: it is one of MLflow's own workspaces, which Databricks doesn't have; remove it"))
	case !on && c.SQLWarehouseID != "":
		errs = append(errs, errors.New("sql_warehouse_id: goes with tracking_uri: databricks only; remove it"))
	case !on && !c.workspace().Unset():
		errs = append(errs, errors.New("databricks: goes with tracking_uri: databricks only; remove it"))
	}
	switch d := c.database(); {
	case !source.IsDatabaseServer(uri) && !d.Unset():
		errs = append(errs, errors.New("database: goes with tracking_uri: postgresql://… or mysql://… only; remove it"))
	case d.PasswordFile != "" && len(d.PasswordCommand) > 0:
		errs = append(errs, errors.New("database: write password_file or password_command, not both"))
	case len(d.PasswordCommand) > 0 && d.PasswordCommand[0] == "":
		errs = append(errs, errors.New(`database::password_command: write a list, e.g. ["aws", "rds", `+
			`"generate-db-auth-token", …]`))
	}
	if err := source.ValidateArtifacts(uri, &c.Artifacts); err != nil {
		errs = append(errs, err)
	}
	if err := httpcheck.Client(&c.HTTP); err != nil {
		errs = append(errs, fmt.Errorf("http::%w", err))
	}
	if c.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("http::endpoint: must stay empty; write the address in tracking_uri"))
	}
	if c.Concurrency < 1 || c.Concurrency > 64 {
		errs = append(errs, fmt.Errorf("concurrency: %d is not between 1 and 64", c.Concurrency))
	}
	if c.PageSize < 1 || c.PageSize > 500 {
		errs = append(errs, fmt.Errorf("page_size: %d is not between 1 and 500, the largest page that MLflow serves",
			c.PageSize))
	}
	if !(c.RequestsPerSecond >= 0) { // also true for NaN
		errs = append(errs, fmt.Errorf("requests_per_second: %v is not a number from 0 on; 0 means no bound",
			c.RequestsPerSecond))
	}
	if !(c.TracesPerSecond >= 0) { // also true for NaN
		errs = append(errs, fmt.Errorf("traces_per_second: %v is not a number from 0 on; 0 means no bound",
			c.TracesPerSecond))
	}
	if !(c.MaxSourceUtilization > 0 && c.MaxSourceUtilization <= 1) { // also true for NaN
		errs = append(errs, fmt.Errorf("max_source_utilization: %v is not above 0 and at most 1; 1 means no pauses",
			c.MaxSourceUtilization))
	}
	if c.MaxTraceSizeMiB < 1 || c.MaxTraceSizeMiB > 1024 {
		errs = append(errs, fmt.Errorf("max_trace_size_mib: %d is not between 1 and 1024", c.MaxTraceSizeMiB))
	}
	return errors.Join(errs...)
}

func (c *Config) validateSelection() error {
	var errs []error
	e := c.Experiments
	if len(e.IDs)+len(e.Names) == 0 && c.TraceIDsFile == "" {
		errs = append(errs, errors.New(`experiments: write at least one id or name, e.g. ["support-*", 7]; `+
			`["*"] reads all of them`))
	}
	for _, list := range []struct {
		key    string
		values []string
	}{{"names", e.Names}, {"exclude", e.Exclude}} {
		for i, v := range list.values {
			if _, err := glob.Compile(v); err != nil || v == "" {
				errs = append(errs, fmt.Errorf("experiments::%s[%d]: %q is not a name or glob; * stands for any text",
					list.key, i, v))
			}
		}
	}
	for i, id := range e.IDs {
		if _, err := strconv.ParseUint(id, 10, 64); err != nil {
			errs = append(errs, fmt.Errorf("experiments::ids[%d]: %q is not an experiment id, which is a number; "+
				"names go into experiments::names", i, id))
		}
	}
	if err := source.ValidateFilter(string(c.TrackingURI), c.Filter); err != nil {
		errs = append(errs, fmt.Errorf("filter: %w", err))
	}
	from, to := c.StartTime, c.EndTime
	if !from.IsZero() && !to.IsZero() && !from.Before(to, time.Now()) {
		errs = append(errs, fmt.Errorf("end_time: %s does not lie after start_time %s", to, from))
	} else if !to.IsZero() && to.Millis(time.Now()) <= 0 {
		errs = append(errs, fmt.Errorf("end_time: no trace is older than %s; write a later time or remove it", to))
	}
	return errors.Join(errs...)
}

func (c *Config) validateRun() error {
	var errs []error
	switch c.Mode {
	case ModeCheck, ModeBackfill:
	case ModeTail, ModeBackfillThenTail:
		errs = append(errs, c.validateTail())
	default:
		errs = append(errs, fmt.Errorf("mode: %q is not one of check, backfill, tail, backfill_then_tail", c.Mode))
	}
	if !slices.Contains([]OnComplete{OnCompleteStay, OnCompleteShutdown}, c.OnComplete) {
		errs = append(errs, fmt.Errorf("on_complete: %q is not one of stay, shutdown", c.OnComplete))
	}
	if !slices.Contains([]OnReplaced{OnReplacedStop, OnReplacedStartOver}, c.OnReplaced) {
		errs = append(errs, fmt.Errorf("on_replaced: %q is not one of stop, start_over", c.OnReplaced))
	}
	if c.Rotate < 0 {
		errs = append(errs, fmt.Errorf("rotate: %d is negative", c.Rotate))
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"shutdown_timeout", c.ShutdownTimeout}, {"reject_after", c.RejectAfter}, {"give_up_after", c.GiveUpAfter},
		{"overlap", c.Overlap}, {"unfinished_after", c.UnfinishedAfter},
		{"late_changes::lookback", c.LateChanges.LookBack}, {"late_changes::interval", c.LateChanges.Interval},
	} {
		if d.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is negative", d.key, d.value))
		}
	}
	accepts := []progress.Delivery{progress.Acknowledged, progress.HandedOver, progress.Unknown}
	if !slices.Contains(accepts, c.Accept) {
		errs = append(errs, fmt.Errorf("accept: %q is not one of acknowledged, handed_over, unknown", c.Accept))
	}
	if !slices.Contains([]genai.Payloads{genai.PayloadsStructured, genai.PayloadsJSON}, c.Payloads) {
		errs = append(errs, fmt.Errorf("payloads: %q is not one of structured, json", c.Payloads))
	}
	if c.StorageID == nil && c.Mode != ModeCheck {
		errs = append(errs, errors.New("storage: required; name a storage extension that keeps the position, e.g. "+
			"file_storage, or write none to keep it in memory only, so that a restart begins again"))
	}
	if !c.RetryOnFailure.Enabled {
		errs = append(errs, errors.New("retry_on_failure::enabled: false would end a run at the first failure of "+
			"the source; bound the time with max_elapsed_time instead"))
	}
	errs = append(errs, c.validateShard())
	if strings.TrimSpace(c.TraceIDsFile) != "" && c.Mode != ModeBackfill {
		errs = append(errs, errors.New("trace_ids_file: goes with mode backfill only"))
	}
	return errors.Join(errs...)
}

// validateTail finds what makes no sense where the source is followed.
func (c *Config) validateTail() error {
	var errs []error
	if c.OnComplete == OnCompleteShutdown {
		errs = append(errs, fmt.Errorf("on_complete: shutdown goes with modes check and backfill only; mode %s goes "+
			"on until the process is stopped", c.Mode))
	}
	if !c.EndTime.IsZero() {
		errs = append(errs, fmt.Errorf("end_time: mode %s has no end; remove it, or use mode backfill", c.Mode))
	}
	if c.CollectionInterval < minInterval {
		errs = append(errs, fmt.Errorf("collection_interval: %s is less than %s", c.CollectionInterval, minInterval))
	}
	return errors.Join(errs...)
}

// validateShard finds shards that can't share a backfill.
func (c *Config) validateShard() error {
	s := c.Shard
	var errs []error
	switch {
	case s.Count < 1:
		return fmt.Errorf("shard::count: %d is not a number of processes from 1 on", s.Count)
	case s.Index == noIndex:
		errs = append(errs, fmt.Errorf("shard::index: required; write which of the %d shards this process reads, "+
			"from 0 to %d", s.Count, s.Count-1))
	case s.Index < 0 || s.Index >= s.Count:
		errs = append(errs, fmt.Errorf("shard::index: %d is not between 0 and %d; the first of %s has the index 0",
			s.Index, s.Count-1, progress.Count(int64(s.Count), "shard")))
	}
	for i, folder := range s.Import {
		switch {
		case folder == "":
			errs = append(errs, fmt.Errorf("shard::import[%d]: empty; write the storage folder of a former shard", i))
		case folder == importNone && len(s.Import) > 1:
			errs = append(errs, errors.New("shard::import: write folders or none, not both"))
		}
	}
	if len(s.Import) > 0 && c.inMemory() {
		errs = append(errs, errors.New("shard::import: there is no storage that could keep what is imported; write "+
			"storage: file_storage"))
	}
	if s.Count == 1 {
		return errors.Join(errs...)
	}
	if c.Mode != ModeBackfill {
		errs = append(errs, fmt.Errorf("shard: goes with mode backfill only; mode %s looks at everything: remove shard",
			c.Mode))
	}
	return errors.Join(errs...)
}
