// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package location returns the steps for the schema and the trace location of an experiment. The
// location step creates a new experiment together with its tables, or links an existing experiment
// to tables.
package location

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Order is in which order an experiment with traces moves to Unity Catalog.
const Order = "1. backfill its traces into the tables, 2. verify that all have arrived, 3. link with link_existing: " +
	"true, 4. tail what comes late. Just before the link run the backfill once more: what it has not read is hidden"

// Wanted is what should be.
type Wanted struct {
	Client *databricks.Client
	// ID or Name of the experiment; of both empty nothing is done.
	ID, Name     string
	LinkExisting bool
	Location     unity.Location
	Layout       unity.Layout
	Warehouse    string

	pending bool
}

// Pending reports whether the last look found tables that are still to be made.
func (w *Wanted) Pending() bool { return w.pending }

// Schema is the step that finds out whether the workspace answers and has the schema: setup makes
// none.
func (w *Wanted) Schema() plan.Step {
	return plan.Step{Title: "Workspace and schema", Needed: true,
		Look: func(ctx context.Context) (plan.Proposal, error) {
			me, err := w.Client.Me(ctx)
			if err != nil {
				return plan.Proposal{}, err
			}
			at := unity.Quote(w.Location.Catalog) + "." + unity.Quote(w.Location.Schema)
			s, err := w.Client.Schema(ctx, w.Location.Catalog, w.Location.Schema)
			if databricks.KindOf(err) == databricks.KindNotFound {
				return plan.Proposal{State: plan.StateRefused,
					Why: err.Error() + "\nIt must be there first, and is not made " +
						"here: where it lies and who owns it is your decision. Its future owner runs",
					Actions: []plan.Action{{Does: "makes the schema", SQL: "CREATE SCHEMA " + at}}}, nil
			}
			if err != nil {
				return plan.Proposal{}, err
			}
			return plan.Proposal{State: plan.StateDone, Notes: []string{
				fmt.Sprintf("signed in to %s as %s", w.Client.Host(), me.Name),
				fmt.Sprintf("the schema %s.%s is there, its owner is %s", s.Catalog, s.Name, s.Owner),
			}}, nil
		}}
}

// Step is the step that makes the location.
func (w *Wanted) Step() plan.Step {
	name := w.Name
	if name == "" {
		name = w.ID
	}
	return plan.Step{Title: "Trace location " + w.Location.String() + " of the experiment " + name, Needed: true,
		Look: w.look, Undo: w.undo}
}

func (w *Wanted) experiment(ctx context.Context) (databricks.Experiment, error) {
	if w.ID != "" {
		return w.Client.Experiment(ctx, w.ID)
	}
	return w.Client.ExperimentByName(ctx, w.Name)
}

func (w *Wanted) look(ctx context.Context) (plan.Proposal, error) {
	w.pending = false
	x, err := w.experiment(ctx)
	switch {
	case databricks.KindOf(err) == databricks.KindNotFound && w.ID == "":
		return w.create(), nil
	case databricks.KindOf(err) == databricks.KindNotFound:
		return refuse("there is no experiment with the id %s; write its name into experiment::name, and it is created",
			w.ID), nil
	case err != nil:
		return plan.Proposal{}, err
	case x.Deleted:
		return refuse("the experiment %s (%s) was deleted; restore it, or name another", x.Name, x.ID), nil
	}
	if have, linked := x.SpansTable(); linked {
		if want := w.Location.Table(unity.SignalSpans, w.Layout); !strings.EqualFold(have.String(), want.String()) {
			return refuse("the experiment %s (%s) is linked to %s already, and not to %s; a link can't be changed. "+
				"Write the location that it has into catalog, schema and table_prefix, "+
				"or name a new experiment", x.Name, x.ID, have, want), nil
		}
		return plan.Proposal{State: plan.StateDone,
			Notes: []string{fmt.Sprintf("the experiment %s (%s) keeps its spans in %s", x.Name, x.ID, have)}}, nil
	}
	return w.link(ctx, x)
}

// create proposes a new experiment.
func (w *Wanted) create() plan.Proposal {
	if p, missing := w.withoutWarehouse(); missing {
		return p
	}
	w.pending = true
	p := plan.Proposal{State: plan.StateTodo, Costs: costs(w.Layout),
		Notes: []string{"a new experiment: nothing is hidden by this. The location can't be changed later"}}
	at := &w.Location
	if w.Layout == unity.LayoutV1 {
		at = nil
	}
	request := databricks.CreateExperimentRequest(w.Name, at)
	p.Actions = []plan.Action{{
		Does: "creates the experiment, and its tables with it", Method: http.MethodPost,
		Path: "/api/2.0/mlflow/experiments/create", Body: request,
		Do: func(ctx context.Context) error {
			id, err := w.Client.CreateExperiment(ctx, request)
			if err != nil && at != nil && unknownField(err) {
				id, err = w.Client.CreateExperiment(ctx, databricks.CreateExperimentRequest(w.Name, nil))
			}
			if err != nil {
				return err
			}
			x, err := w.Client.Experiment(ctx, id)
			if err != nil {
				return err
			}
			if _, linked := x.SpansTable(); linked {
				return nil
			}
			return w.connect(ctx, x.ID)
		},
	}}
	does := "only if the workspace does not take a location there"
	if w.Layout == unity.LayoutV1 {
		p.Actions[0].Does, does = "creates the experiment", "then"
	}
	p.Actions = append(p.Actions, w.calls("EXPERIMENT_ID", does)...)
	return p
}

// unknownField reports whether the workspace refuses the request because it doesn't know trace
// locations.
func unknownField(err error) bool {
	return databricks.KindOf(err) == databricks.KindInvalid &&
		strings.Contains(strings.ToLower(err.Error()), "trace_location")
}

// link proposes to link an experiment that is there.
func (w *Wanted) link(ctx context.Context, x databricks.Experiment) (plan.Proposal, error) {
	holds, err := w.Client.HoldsTraces(ctx, x.ID)
	if err != nil && ctx.Err() != nil {
		return plan.Proposal{}, err
	}
	consequence := fmt.Sprintf("the experiment %s (%s) is there and its traces are MLflow's own. Once it is linked "+
		"to %s, its earlier traces are no longer shown, neither in the "+
		"experiment nor by searches; they are not copied, and a link can't be undone", x.Name, x.ID, w.Location)
	known := "It holds traces."
	if err != nil {
		known = "Whether it holds traces could not be found out: " + err.Error() + "."
	}
	if (holds || err != nil) && !w.LinkExisting {
		p := refuse("%s. %s\nSo it is not linked unless experiment::link_existing is true. The order that loses "+
			"nothing: %s. Or name a new experiment.", consequence, known, Order)
		p.Hides = []string{"the earlier traces of the experiment, for all its users"}
		return p, nil
	}
	if p, missing := w.withoutWarehouse(); missing {
		return p, nil
	}
	w.pending = true
	p := plan.Proposal{State: plan.StateTodo, Costs: costs(w.Layout)}
	if holds || err != nil {
		p.Hides = []string{consequence + ". " + known +
			" link_existing is true, so it is done; the order that loses nothing: " + Order}
	} else {
		p.Notes = []string{
			fmt.Sprintf("the experiment %s (%s) is there and holds no traces, so that linking it hides nothing", x.Name,
				x.ID)}
	}
	p.Actions = w.calls(x.ID, "")
	p.Actions[0].Do = func(ctx context.Context) error { return w.connect(ctx, x.ID) }
	return p, nil
}

// calls are those that make the location and link it, for printing.
func (w *Wanted) calls(experiment, when string) []plan.Action {
	if when != "" {
		when += ": "
	}
	create, link := databricks.LocationCall(w.Location, w.Layout, w.Warehouse),
		databricks.LinkCall(experiment, w.Location, w.Layout)
	return []plan.Action{
		{Does: when + "makes the tables, or finds those that are there", Method: create.Method,
			Path: create.Path, Body: create.Body},
		{Does: when + "links the experiment to them", Method: link.Method, Path: link.Path, Body: link.Body},
	}
}

// connect makes the location and links an experiment to it.
func (w *Wanted) connect(ctx context.Context, experiment string) error {
	err := w.Client.Do(ctx, databricks.LocationCall(w.Location, w.Layout, w.Warehouse),
		"making the trace location "+w.Location.String())
	if databricks.KindOf(err) == databricks.KindExists {
		err = nil
	}
	if err == nil {
		err = w.Client.Do(ctx, databricks.LinkCall(experiment, w.Location, w.Layout), "linking the experiment "+
			experiment+" to "+w.Location.String())
	}
	if databricks.KindOf(err) == databricks.KindNoRoute && w.Layout == unity.LayoutV2 {
		return fmt.Errorf("this workspace knows no trace locations with a table prefix (%w); its older ones are "+
			"layout: v1, or create the tables in Databricks", err)
	}
	return err
}

func (w *Wanted) withoutWarehouse() (plan.Proposal, bool) {
	if w.Layout == unity.LayoutV1 && w.Warehouse == "" {
		return refuse("warehouse_id: required; tables of layout v1 are made by a SQL warehouse"), true
	}
	return plan.Proposal{}, false
}

func costs(layout unity.Layout) []string {
	list := []string{"the tables: storage of what is written into them, and what Databricks charges for " +
		"OpenTelemetry ingestion; empty tables cost nothing"}
	if layout == unity.LayoutV1 {
		list = append(list, "the SQL warehouse is started, which may take minutes")
	}
	return list
}

// undo says what can't be taken back.
func (w *Wanted) undo(ctx context.Context) (plan.Proposal, error) {
	x, err := w.experiment(ctx)
	if databricks.KindOf(err) == databricks.KindNotFound {
		return plan.Proposal{State: plan.StateDone, Notes: []string{"there is no such experiment"}}, nil
	}
	if err != nil {
		return plan.Proposal{}, err
	}
	if _, linked := x.SpansTable(); !linked {
		return plan.Proposal{State: plan.StateDone, Notes: []string{"the experiment is not linked"}}, nil
	}
	p := plan.Proposal{State: plan.StateLeft,
		Why: "the tables hold your traces, and a link can't be taken back: no API " +
			"does it. To remove them, delete the experiment and " +
			"then drop the tables, by hand:", Hides: []string{"the experiment with all its traces"}}
	p.Actions = []plan.Action{{Does: "deletes the experiment", Method: http.MethodPost,
		Path: "/api/2.0/mlflow/experiments/delete", Body: map[string]string{"experiment_id": x.ID}}}
	for _, s := range unity.Signals(w.Layout) {
		p.Actions = append(p.Actions, plan.Action{Does: "drops a table with its data", SQL: "DROP TABLE IF EXISTS " +
			w.Location.Table(s, w.Layout).Quoted()})
	}
	return p, nil
}

// Monitoring is the step that names the SQL warehouse with which MLflow reads and monitors the traces
// of the experiment: a tag of it.
func (w *Wanted) Monitoring(warehouse string) plan.Step {
	return plan.Step{Title: "Monitoring warehouse of the experiment",
		Look: func(ctx context.Context) (plan.Proposal, error) {
			x, err := w.experiment(ctx)
			if databricks.KindOf(err) == databricks.KindNotFound && w.pending {
				x.ID = "EXPERIMENT_ID"
			} else if err != nil {
				return plan.Proposal{}, err
			}
			p := plan.Proposal{State: plan.StateTodo,
				Costs: []string{"nothing by itself; who reads traces with MLflow, and its monitoring, use the " +
					"warehouse"}}
			switch have := x.Tags[databricks.TagWarehouse]; have {
			case warehouse:
				p.State = plan.StateDone
				p.Notes = []string{"the tag " + databricks.TagWarehouse + " names " + warehouse}
				return p, nil
			case "":
			default:
				p.Notes = []string{"the tag " + databricks.TagWarehouse + " names " + have + " now"}
			}
			call := databricks.TagExperimentCall(x.ID, databricks.TagWarehouse, warehouse)
			p.Actions = []plan.Action{{
				Does: "sets the tag " + databricks.TagWarehouse, Method: call.Method, Path: call.Path, Body: call.Body,
				Do: func(ctx context.Context) error {
					x, err := w.experiment(ctx)
					if err != nil {
						return err
					}
					return w.Client.Do(ctx, databricks.TagExperimentCall(x.ID, databricks.TagWarehouse, warehouse),
						"setting the tag "+databricks.TagWarehouse+" of the experiment "+x.ID)
				},
			}}
			return p, nil
		}}
}

func refuse(format string, args ...any) plan.Proposal {
	return plan.Proposal{State: plan.StateRefused, Why: fmt.Sprintf(format, args...)}
}
