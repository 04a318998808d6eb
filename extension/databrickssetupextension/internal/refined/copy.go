// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refined

import (
	"context"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/views"
)

// lookCopy proposes the table that is a copy of a view, or to bring it up to date. The latter is to
// do in each run.
func (w *Wanted) lookCopy(ctx context.Context, kind string) (plan.Proposal, error) {
	view := w.o.Name(kind)
	have, err := w.table(ctx, view)
	if err != nil {
		return plan.Proposal{}, err
	}
	name := views.CopyName(view)
	t, err := w.table(ctx, name)
	if err != nil {
		return plan.Proposal{}, err
	}
	var columns []string
	if e := existing(have); e != nil {
		columns = e.Columns
	}
	v, err := w.view(kind, columns)
	var list []views.Statement
	if err == nil {
		list, err = v.Copy(existing(t))
	}
	if err != nil {
		return plan.Proposal{State: plan.StateLeft, Why: err.Error()}, nil
	}
	p := plan.Proposal{
		State: plan.StateTodo,
		Costs: []string{"storage of the view's rows once more, and the warehouse's work at each refresh"},
		Notes: []string{"the table is as fresh as its last refresh: each run of setup with apply: true refreshes it, " +
			"and so does the statement INSERT OVERWRITE in a schedule of your own"},
	}
	if t == nil {
		w.planned[name] = true
		p.Shows = []string{"nothing to anybody yet: only who owns the table can read it until it is granted"}
	}
	for i := range list {
		p.Actions = append(p.Actions, w.statement(&list[i]))
	}
	return p, nil
}

func (w *Wanted) undoCopy(ctx context.Context, kind string) (plan.Proposal, error) {
	view := w.Options.Name(kind)
	t, err := w.table(ctx, views.CopyName(view))
	switch {
	case err != nil:
		return plan.Proposal{}, err
	case t == nil:
		return plan.Proposal{State: plan.StateDone, Notes: []string{"it is not there"}}, nil
	case t.Properties[views.MarkerCopy] != view.String():
		return plan.Proposal{State: plan.StateLeft, Why: "it was not made by databricks_setup"}, nil
	}
	s := views.DropCopy(view)
	return plan.Proposal{State: plan.StateTodo, Actions: []plan.Action{{Does: s.Does, SQL: s.SQL}}}, nil
}
