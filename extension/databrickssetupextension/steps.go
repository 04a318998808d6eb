// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickssetupextension

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/grant"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/location"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/monitor"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/refined"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/views"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// steps puts together what the configuration asks for, in the order in which it is done.
func (c *Config) steps(api *databricks.Client, reported []string) []plan.Step {
	where := &location.Wanted{
		Client: api, ID: c.Experiment.ID, Name: c.Experiment.Name, LinkExisting: c.Experiment.LinkExisting,
		Location: c.location(), Layout: c.Layout, Warehouse: c.WarehouseID,
	}
	list := []plan.Step{where.Schema()}
	if c.Experiment.Name != "" || c.Experiment.ID != "" {
		list = append(list, where.Step())
	}
	if warehouse := c.Experiment.MonitoringWarehouseID; warehouse != "" {
		list = append(list, where.Monitoring(warehouse))
	}
	o := c.options()
	over := &refined.Wanted{
		Client: api, Warehouse: c.WarehouseID, Options: o, Configured: c.Scores, Reported: reported,
		Streaming: c.Views.Streaming, RowLimit: c.Views.RowLimit, Pending: where.Pending,
	}
	onTable := c.Monitor.Enabled && c.Monitor.On == MonitorOnTable
	if onTable {
		over.Copies = []string{views.TracesKind, views.ScoresKind}
	}
	planned := func(unity.Name) bool { return false }
	if c.Views.Enabled {
		list = append(list, over.Steps()...)
		planned = over.Planned
	}
	traces, scores := o.Name(views.TracesKind), o.Name(views.ScoresKind)
	for _, g := range c.Grants {
		w := &grant.Wanted{
			Client: api, Principal: g.Principal, Write: g.Write, Annotate: g.Annotate, Read: g.Read,
			Content:  g.Content,
			Location: c.location(), Layout: c.Layout,
			ReadViews:    []unity.Name{traces, scores, o.Name(views.SpansKind)},
			ContentViews: []unity.Name{o.Name(views.ContentKind), o.Name(views.EvalKind)},
			Expected:     func(n unity.Name) bool { return where.Pending() || planned(n) },
		}
		list = append(list, w.Step())
	}
	if c.Monitor.Enabled {
		of := func(on unity.Name, slices []string, columns func() []string) plan.Step {
			if onTable {
				on = views.CopyName(on)
			}
			w := &monitor.Wanted{Client: api, Definition: c.definition(on, slices), OnTable: onTable,
				Scores: columns, Expected: planned}
			return w.Step()
		}
		list = append(list, of(traces, c.Monitor.SlicingExprs, over.ScoreColumns),
			of(scores, c.Monitor.ScoreSlicingExprs, nil))
	}
	return list
}

func (c *Config) definition(on unity.Name, slices []string) monitor.Definition {
	m := &c.Monitor
	d := monitor.Definition{
		Table: on, OutputCatalog: c.Catalog, OutputSchema: c.Schema, AssetsDir: m.AssetsDir,
		Timestamp: "request_time", Granularities: m.Granularities, Slices: slices,
		Cron: m.Schedule.QuartzCronExpression, Zone: m.Schedule.TimezoneID, Warehouse: c.WarehouseID,
		SkipDashboard: !m.Dashboard,
	}
	if d.AssetsDir == "" {
		d.AssetsDir = "/Workspace/Shared/otelcol_mlflow"
	}
	d.AssetsDir = strings.TrimSuffix(d.AssetsDir, "/") + "/" + on.String()
	if catalog, schema, ok := strings.Cut(m.OutputSchema, "."); ok {
		d.OutputCatalog, d.OutputSchema = catalog, schema
	}
	return d
}

// maxReport bounds what is read of a report.
const maxReport = 64 << 20

// reportedScores are the names of scores in reports of mlflow_report.
func reportedScores(paths []string) ([]string, error) {
	var names []string
	for _, path := range paths {
		body, err := readReport(path)
		if err != nil {
			return nil, fmt.Errorf("reports: %w", err)
		}
		var doc struct {
			Refinement []struct {
				Scores []struct {
					Name string `json:"name"`
				} `json:"scores"`
			} `json:"refinements"`
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("reports: %s is no report of mlflow_report: %w", path, err)
		}
		for _, r := range doc.Refinement {
			for _, s := range r.Scores {
				names = append(names, s.Name)
			}
		}
	}
	return names, nil
}

func readReport(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxReport))
}
