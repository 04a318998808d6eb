// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/grant"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/monitor"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/views"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Validate implements confmap.Validator. Every error names the key, the value and the remedy.
func (c *Config) Validate() error {
	way := access.Settings{Host: c.Host, Profile: c.Profile, Auth: c.Auth, HTTP: c.HTTP}
	errs := []error{way.Validate(), c.validateLocation()}
	if c.Views.Enabled && c.Apply && c.WarehouseID == "" {
		errs = append(errs,
			errors.New("warehouse_id: required to apply; a SQL warehouse runs the statements of the views "+
				"(or views::enabled: false)"))
	}
	if c.Apply && c.Teardown {
		errs = append(errs,
			errors.New("teardown: it prints the reverse and never does it, so it can't be written with "+
				"apply: true; remove one of them"))
	}
	if c.OnComplete != OnCompleteShutdown && c.OnComplete != OnCompleteStay {
		errs = append(errs, fmt.Errorf("on_complete: %q is not one of shutdown, stay", c.OnComplete))
	}
	errs = append(errs, c.validateGrants()...)
	return c.empty.Explain(errors.Join(append(errs, c.validateMonitor()...)...))
}

// access is what the way to the workspace is opened with.
func (c *Config) access(set extension.Settings) access.Settings {
	return access.Settings{
		Host: c.Host, Profile: c.Profile, Auth: c.Auth, HTTP: c.HTTP,
		Telemetry: set.TelemetrySettings, Version: set.BuildInfo.Version,
	}
}

func (c *Config) location() unity.Location {
	l := unity.Location{Catalog: c.Catalog, Schema: c.Schema, Prefix: c.TablePrefix}
	if c.Layout == unity.LayoutV1 {
		l.Prefix = ""
	}
	return l
}

// options are those of the views, before anything is known of the tables.
func (c *Config) options() views.Options {
	return views.Options{
		Location: c.location(), Layout: c.Layout, Prefix: c.Views.Prefix, ScorePrefix: c.Views.ScorePrefix,
		Logs:        c.Views.Logs,
		Annotations: c.Views.Annotations && c.Layout != unity.LayoutV1,
	}
}

func (c *Config) validateLocation() error {
	var errs []error
	o := c.options()
	if err := o.Validate(); err != nil {
		text := err.Error()
		if strings.HasPrefix(text, "prefix:") || strings.HasPrefix(text, "score_prefix:") {
			err = fmt.Errorf("views::%w", err)
		}
		errs = append(errs, err)
	}
	if c.Layout == unity.LayoutV1 && c.TablePrefix != "" {
		errs = append(errs, fmt.Errorf("table_prefix: %q; tables of layout v1 have fixed names, so remove it",
			c.TablePrefix))
	}
	x := c.Experiment
	if x.Name != "" && x.ID != "" {
		errs = append(errs, errors.New("experiment: name and id are both written; write one of them"))
	}
	if x.MonitoringWarehouseID != "" && x.Name == "" && x.ID == "" {
		errs = append(errs, errors.New("experiment::monitoring_warehouse_id: there is no experiment to tag; write its "+
			"name or id"))
	}
	if x.LinkExisting && x.Name == "" && x.ID == "" {
		errs = append(errs,
			errors.New("experiment::link_existing: there is no experiment to link; write its name or id"))
	}
	if x.Name != "" && !strings.HasPrefix(x.Name, "/") {
		errs = append(errs, fmt.Errorf("experiment::name: %q; names of experiments in Databricks are paths: write "+
			"/Shared/%s", x.Name, x.Name))
	}
	if c.Views.RowLimit < 0 {
		errs = append(errs,
			fmt.Errorf("views::row_limit: %d; write a number of spans, or 0 for no limit", c.Views.RowLimit))
	}
	if slices.ContainsFunc(c.Scores, func(s string) bool { return strings.TrimSpace(s) == "" }) {
		errs = append(errs, errors.New("scores: a name is empty; remove it"))
	}
	return errors.Join(errs...)
}

func (c *Config) validateGrants() (errs []error) {
	seen := map[string]bool{}
	for i, g := range c.Grants {
		key := fmt.Sprintf("grants[%d]", i)
		everybody := grant.Everybody(g.Principal)
		switch {
		case strings.TrimSpace(g.Principal) == "":
			errs = append(errs,
				fmt.Errorf("%s::principal: required; write a user, a group, or the application id of a "+
					"service principal", key))
		case seen[g.Principal]:
			errs = append(errs, fmt.Errorf("%s::principal: %q is written twice; write what it may do in one place", key,
				g.Principal))
		case !g.Write && !g.Annotate && !g.Read && !g.Content:
			errs = append(errs, fmt.Errorf("%s: nothing is granted to %q; write write, annotate, read or content: "+
				"true", key, g.Principal))
		case everybody && !g.AllUsers:
			errs = append(errs,
				fmt.Errorf("%s::principal: everybody is in %q; name a smaller group, or write all_users: true "+
					"beside it if everybody is meant", key, g.Principal))
		case !everybody && g.AllUsers:
			errs = append(errs,
				fmt.Errorf("%s::all_users: %q is not a group of all users; remove it", key, g.Principal))
		case g.Annotate && c.Layout == unity.LayoutV1:
			errs = append(errs, fmt.Errorf("%s::annotate: tables of layout v1 have no annotations: MLflow writes them "+
				"as logs, which write grants; remove it", key))
		case (g.Read || g.Content) && !c.Views.Enabled:
			errs = append(errs, fmt.Errorf("%s: read and content are about the views, and views::enabled is false",
				key))
		}
		seen[g.Principal] = true
	}
	return errs
}

func (c *Config) validateMonitor() (errs []error) {
	m := &c.Monitor
	if !m.Enabled {
		return nil
	}
	if m.On != MonitorOnView && m.On != MonitorOnTable {
		errs = append(errs, fmt.Errorf("monitor::on: %q is not one of view, table", m.On))
	}
	if m.On == MonitorOnTable && !c.Views.Enabled {
		errs = append(errs, errors.New("monitor::on: the tables are made of the views, and views::enabled is false"))
	}
	if len(m.Granularities) == 0 {
		errs = append(errs, errors.New("monitor::granularities: required; write [1 hour, 1 day]"))
	}
	for _, g := range m.Granularities {
		if known := monitor.Granularities(); !slices.Contains(known, g) {
			errs = append(errs, fmt.Errorf("monitor::granularities: %q is not one of %s", g, strings.Join(known, ", ")))
		}
	}
	if n := strings.Count(m.OutputSchema, "."); m.OutputSchema != "" && n != 1 {
		errs = append(errs, fmt.Errorf("monitor::output_schema: %q; write catalog.schema", m.OutputSchema))
	}
	if m.AssetsDir != "" && !strings.HasPrefix(m.AssetsDir, "/") {
		errs = append(errs, fmt.Errorf("monitor::assets_dir: %q; write an absolute path, /Workspace/Shared/…",
			m.AssetsDir))
	}
	s := m.Schedule
	if s.QuartzCronExpression != "" && (len(strings.Fields(s.QuartzCronExpression)) < 6 || s.TimezoneID == "") {
		errs = append(errs,
			fmt.Errorf("monitor::schedule: %q in %q; write six or seven fields of Quartz (0 0 6 * * ? is "+
				"daily at 6) and a time zone, or an empty expression for none",
				s.QuartzCronExpression, s.TimezoneID))
	}
	return errs
}
