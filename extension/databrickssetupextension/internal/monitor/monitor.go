// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/dataquality"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Wanted is a monitor that should be.
type Wanted struct {
	Client     *databricks.Client
	Definition Definition
	// OnTable is true for a table that is a copy of a view, false for the view itself.
	OnTable bool
	// Scores returns the columns of scores, none while they are not known: then a monitor keeps those
	// that it was told of. It is nil for a table without any.
	Scores func() []string
	// Expected reports whether a view that is not there is about to be made.
	Expected func(unity.Name) bool

	d Definition // as of the last look
}

// Step is the step that makes or changes the monitor.
func (w *Wanted) Step() plan.Step {
	return plan.Step{Title: "Quality monitor of " + w.Definition.Table.String(), Look: w.look, Undo: w.undo}
}

const currentPath = "/api/data-quality/v1/monitors"

func legacyPath(n unity.Name) string {
	return "/api/2.1/unity-catalog/tables/" + url.PathEscape(n.Catalog) + "." + url.PathEscape(n.Schema) + "." +
		url.PathEscape(n.Table) + "/monitor"
}

func (w *Wanted) look(ctx context.Context) (plan.Proposal, error) {
	w.d = w.Definition
	if w.Scores != nil {
		w.d.Scores = w.Scores()
	}
	output, err := w.Client.Schema(ctx, w.d.OutputCatalog, w.d.OutputSchema)
	if databricks.KindOf(err) == databricks.KindNotFound {
		return refuse(
			"%s. It must be there before a monitor writes into it; make it, or name another in monitor::output_schema",
			err), nil
	}
	if err != nil {
		return plan.Proposal{}, err
	}
	t, err := w.Client.Table(ctx, w.d.Table)
	if databricks.KindOf(err) == databricks.KindNotFound {
		if w.Expected(w.d.Table) {
			return w.created("<table_id of "+w.d.Table.String()+", once it is there>", output.ID), nil
		}
		return refuse("there is no %s to monitor; let setup make its views (views::enabled), or switch the monitor off",
			w.d.Table), nil
	}
	if err != nil {
		return plan.Proposal{}, err
	}
	m, err := w.Client.DataMonitor(ctx, t.ID)
	switch databricks.KindOf(err) {
	case "":
		return w.current(m, t.ID, output.ID), nil
	case databricks.KindNotFound:
		// One that was made by the older API may not be seen by the current one.
		if p, there, err := w.legacy(ctx); there || err != nil && databricks.KindOf(err) != databricks.KindNoRoute {
			return p, err
		}
		return w.created(t.ID, output.ID), nil
	case databricks.KindNoRoute:
		p, there, err := w.legacy(ctx)
		if databricks.KindOf(err) == databricks.KindNoRoute {
			return refuse("this workspace has neither API of quality monitors: %s", err), nil
		}
		if there || err != nil {
			return p, err
		}
		return w.createdLegacy(), nil
	}
	return plan.Proposal{}, err
}

// unknown reports whether the scores of the table were not looked for, as with views::enabled: false, or
// could not be told.
func (w *Wanted) unknown() bool { return w.Scores != nil && len(w.d.Scores) == 0 }

// legacy looks for the monitor with the older API. An error of KindNoRoute is returned only as
// such, for the caller to judge.
func (w *Wanted) legacy(ctx context.Context) (p plan.Proposal, there bool, err error) {
	m, err := w.Client.QualityMonitor(ctx, w.d.Table)
	switch databricks.KindOf(err) {
	case "":
	case databricks.KindNotFound:
		return p, false, nil
	default:
		return p, false, err
	}
	if strings.HasSuffix(string(m.Status), "DELETE_PENDING") {
		return refuse("the monitor is being deleted; run setup again when it is gone"), true, nil
	}
	if w.unknown() {
		w.d.Scores = LegacyScores(m)
	}
	fields := w.d.DiffLegacy(m)
	p = w.found(fields, string(m.Status), m.LatestMonitorFailureMsg, m.AssetsDir)
	if len(fields) > 0 {
		body := w.d.UpdateLegacy(m)
		p.Actions = []plan.Action{{
			Does: "changes " + strings.Join(fields, ", "), Method: http.MethodPut,
			Path: legacyPath(w.d.Table), Body: body,
			Do: func(ctx context.Context) error { return mine(w.Client.UpdateQualityMonitor(ctx, w.d.Table, body)) },
		}}
	}
	return p, true, nil
}

// current judges a monitor of the current API.
func (w *Wanted) current(m *dataquality.Monitor, tableID, schemaID string) plan.Proposal {
	c := m.DataProfilingConfig
	if c == nil {
		c = &dataquality.DataProfilingConfig{}
	}
	if strings.HasSuffix(string(c.Status), "DELETE_PENDING") {
		return refuse("the monitor is being deleted; run setup again when it is gone")
	}
	if w.unknown() {
		w.d.Scores = CurrentScores(c)
	}
	fields := w.d.DiffCurrent(c, schemaID)
	p := w.found(fields, string(c.Status), c.LatestMonitorFailureMessage, c.AssetsDir)
	if len(fields) > 0 {
		body, mask := w.d.UpdateCurrent(tableID, schemaID, c, fields)
		p.Actions = []plan.Action{{
			Does: "changes " + strings.Join(fields, ", "), Method: http.MethodPatch, Path: currentPath + "/table/" +
				tableID + "?update_mask=" + url.QueryEscape(mask), Body: body,
			Do: func(ctx context.Context) error { return mine(w.Client.UpdateDataMonitor(ctx, body, mask)) },
		}}
	}
	return p
}

// found describes a monitor that is there.
func (w *Wanted) found(fields []string, status, failure, assets string) plan.Proposal {
	p := plan.Proposal{State: plan.StateDone, Costs: w.costs()}
	if len(fields) > 0 {
		p.State = plan.StateTodo
	}
	p.Notes = append(p.Notes, "its status is "+status)
	if failure != "" {
		p.Notes = append(p.Notes, "its last run failed: "+failure)
	}
	if assets != "" && w.d.AssetsDir != assets {
		p.Notes = append(p.Notes, "its folder is "+assets+", which can't be changed any more")
	}
	return p
}

// mine explains that only who made a monitor may change it.
func mine(err error) error {
	if databricks.KindOf(err) == databricks.KindDenied {
		return fmt.Errorf("%w; only who made a monitor may change it, in the workspace where it was made", err)
	}
	return err
}

// created proposes a monitor where none is.
func (w *Wanted) created(tableID, schemaID string) plan.Proposal {
	body := w.d.Current(tableID, schemaID)
	p := w.fresh()
	p.Actions = []plan.Action{{
		Does:   "creates the monitor (if this API is not there: POST " + legacyPath(w.d.Table) + ")",
		Method: http.MethodPost, Path: currentPath, Body: body,
		Do: func(ctx context.Context) error {
			err := w.Client.CreateDataMonitor(ctx, body)
			if databricks.KindOf(err) == databricks.KindNoRoute {
				return w.createLegacy(ctx)
			}
			return w.settled(ctx, err)
		},
	}}
	return p
}

// createdLegacy proposes a monitor by the older API.
func (w *Wanted) createdLegacy() plan.Proposal {
	p := w.fresh()
	p.Notes = append(p.Notes, "this workspace does not have the current API of monitors, so the older one is used")
	p.Actions = []plan.Action{{Does: "creates the monitor", Method: http.MethodPost, Path: legacyPath(w.d.Table),
		Body: w.d.Legacy(), Do: w.createLegacy}}
	return p
}

func (w *Wanted) createLegacy(ctx context.Context) error {
	return w.settled(ctx, w.Client.CreateQualityMonitor(ctx, w.d.Table, w.d.Legacy()))
}

// advised adds what may help when the workspace refuses a monitor of a view.
func (w *Wanted) advised(err error) error {
	if !w.OnTable && databricks.KindOf(err) == databricks.KindInvalid {
		return fmt.Errorf("%w; if that is because it is a view, write monitor::on: table, and the monitor is made on "+
			"a table that is a copy of the view", err)
	}
	return err
}

// settled judges the end of a creation. One that exists was made by another client meanwhile, and
// is brought up to the definition if it differs.
func (w *Wanted) settled(ctx context.Context, err error) error {
	if databricks.KindOf(err) != databricks.KindExists {
		return w.advised(err)
	}
	p, err := w.look(ctx)
	if err != nil {
		return err
	}
	if p.State == plan.StateRefused {
		return fmt.Errorf("the monitor exists, and %s", p.Why)
	}
	for _, a := range p.Actions {
		if a.Method != http.MethodPost {
			return a.Do(ctx)
		}
	}
	return nil // it exists and is as it should be, or can't be read by either API
}

// live is the slice of live traces.
const live = "trace_kind = 'live'"

func (w *Wanted) fresh() plan.Proposal {
	p := plan.Proposal{
		State: plan.StateTodo, Costs: w.costs(),
		Shows: []string{
			"statistics of every column, each value of the slices among them, to all principals that may read " +
				w.d.output() + "; and a dashboard in " + w.d.AssetsDir},
		Notes: []string{
			"history older than 30 days is stored but not profiled: the first run of a time series looks at the " +
				"last 30 days only",
			"it is made in the background: tables and dashboard appear some 8 to 20 minutes later, and until then " +
				"its status is PENDING, which is fine",
			"only who makes it may change it later",
		},
	}
	if !w.OnTable {
		p.Notes = append(p.Notes, "Databricks documents the profile of a time series for tables, and views for "+
			"snapshots only. If the workspace refuses this one, write monitor::on: table: setup then makes a table "+
			"that is a copy of the view, to be refreshed, and the monitor on it")
	}
	if slices.Contains(w.d.Slices, live) {
		p.Notes = append(p.Notes, "a monitor has no filter, and makes slices of each expression by itself: all rows "+
			"and the other slices count evaluations and judges, too; "+
			"live traffic is the slice "+live)
	}
	return p
}

func (w *Wanted) costs() []string {
	reads := "the view and so the spans behind it"
	if w.OnTable {
		reads = "the table"
	}
	return []string{
		"serverless compute for every run of the schedule, which reads " + reads,
		"storage of two tables, " + w.d.Table.Table + "_profile_metrics and " + w.d.Table.Table +
			"_drift_metrics; their queries and the dashboard use a SQL warehouse",
	}
}

// undo proposes to delete the monitor.
func (w *Wanted) undo(ctx context.Context) (plan.Proposal, error) {
	w.d = w.Definition
	p := plan.Proposal{State: plan.StateDone, Notes: []string{"there is none"}}
	t, err := w.Client.Table(ctx, w.d.Table)
	if databricks.KindOf(err) == databricks.KindNotFound {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	_, err = w.Client.DataMonitor(ctx, t.ID)
	path := currentPath + "/table/" + t.ID
	switch databricks.KindOf(err) {
	case "":
	case databricks.KindNotFound, databricks.KindNoRoute:
		_, err = w.Client.QualityMonitor(ctx, w.d.Table)
		if k := databricks.KindOf(err); k == databricks.KindNotFound || k == databricks.KindNoRoute {
			return p, nil
		}
		path = legacyPath(w.d.Table)
	}
	if err != nil {
		return p, err
	}
	return plan.Proposal{
		State: plan.StateTodo, Notes: []string{"its two tables and its dashboard stay until they are deleted"},
		Actions: []plan.Action{
			{Does: "deletes the monitor", Method: http.MethodDelete, Path: path},
			{Does: "drops a table of metrics", SQL: "DROP TABLE IF EXISTS " +
				w.outputTable("_profile_metrics").Quoted()},
			{Does: "drops a table of metrics", SQL: "DROP TABLE IF EXISTS " + w.outputTable("_drift_metrics").Quoted()},
		},
	}, nil
}

func (w *Wanted) outputTable(suffix string) unity.Name {
	return unity.Name{Catalog: w.d.OutputCatalog, Schema: w.d.OutputSchema, Table: w.d.Table.Table + suffix}
}

func refuse(format string, args ...any) plan.Proposal {
	return plan.Proposal{State: plan.StateRefused, Why: fmt.Sprintf(format, args...)}
}
