// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package refined

import (
	"context"
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/views"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func (w *Wanted) view(kind string, columns []string) (views.View, error) {
	switch kind {
	case views.ScoresKind:
		return w.o.ScoresView(columns)
	case views.SpansKind:
		return w.o.SpansView(columns)
	case views.ContentKind:
		return w.o.Content(columns)
	case views.EvalKind:
		return w.o.Eval(columns)
	default:
		return w.o.Traces(columns)
	}
}

func (w *Wanted) lookView(ctx context.Context, kind string) (plan.Proposal, error) {
	name := w.o.Name(kind)
	t, err := w.table(ctx, name)
	if err != nil {
		return plan.Proposal{}, err
	}
	e := existing(t)
	if e != nil {
		if v := views.OwnershipOf(e); !v.Ours {
			w.remember(kind, e)
			return left(name, v.Why), nil
		}
	}
	var columns []string
	if e != nil {
		columns = e.Columns
	}
	v, err := w.view(kind, columns)
	if err != nil {
		w.remember(kind, e)
		return left(name, err.Error()), nil
	}
	if kind == views.TracesKind {
		w.columns = nil
		for _, s := range w.o.Scores {
			w.columns = append(w.columns, s.Column)
		}
	}
	c := w.o.Plan(v, e)
	p := plan.Proposal{State: plan.StateDone}
	switch c.Action {
	case views.ActionLeave:
		return left(name, c.Why), nil
	case views.ActionKeep:
		p.Notes = append(p.Notes, fmt.Sprintf("it is as it should be, with %d columns", len(v.Columns)))
	case views.ActionCreate:
		w.planned[name] = true
		p.Costs = append(p.Costs, "nothing by itself; a query of the view reads the tables each time")
		p.Shows = append(p.Shows, "nothing yet: only its owner can read it until it is granted. It "+
			"reads the tables with its owner's rights")
	case views.ActionUpdate:
		if len(c.Added) > 0 {
			p.Notes = append(p.Notes, "adds the columns "+strings.Join(c.Added, ", ")+
				"; the others keep their places, and grants stay")
		} else {
			p.Notes = append(p.Notes, "its query changes; columns and grants stay")
		}
		p.Costs = append(p.Costs, "nothing by itself")
	}
	if len(c.Statements) == 0 {
		return p, nil
	}
	p.State = plan.StateTodo
	for i := range c.Statements {
		p.Actions = append(p.Actions, w.statement(&c.Statements[i]))
	}
	p.Actions = append(p.Actions,
		plan.Action{Does: "looks how the catalog spells the query, and notes that if it is another text",
			Optional: true, Do: w.stored(name, v)})
	return p, nil
}

// remember the score columns of a view that is left alone: the monitor may still look at it.
func (w *Wanted) remember(kind string, e *views.Existing) {
	if kind != views.TracesKind || e == nil {
		return
	}
	w.columns = nil
	if scores, err := w.o.ScoresOf(e); err == nil {
		for _, s := range scores {
			w.columns = append(w.columns, s.Column)
		}
	}
}

func left(name unity.Name, why string) plan.Proposal {
	return plan.Proposal{State: plan.StateLeft,
		Why: why + ".\nIt is not touched. To have it made here, drop or rename " +
			name.String() + ", or give the views another name with views::prefix"}
}

// stored notes the spelling of the catalog, so that the next run knows the view as unchanged.
func (w *Wanted) stored(name unity.Name, v views.View) func(context.Context) error {
	if w.Warehouse == "" {
		return nil
	}
	o := w.o
	return func(ctx context.Context) error {
		t, err := w.table(ctx, name)
		if err != nil || t == nil {
			return err
		}
		for _, s := range o.Stored(&v, t.View) {
			if _, err := w.Client.Statement(ctx, w.Warehouse, s.SQL); err != nil {
				return err
			}
		}
		return nil
	}
}

func (w *Wanted) statement(s *views.Statement) plan.Action {
	a := plan.Action{Does: s.Does, SQL: s.SQL, Optional: s.Optional}
	if w.Warehouse != "" {
		a.Do = func(ctx context.Context) error {
			_, err := w.Client.Statement(ctx, w.Warehouse, a.SQL)
			return err
		}
	}
	return a
}

func (w *Wanted) undoView(ctx context.Context, kind string) (plan.Proposal, error) {
	name := w.Options.Name(kind)
	t, err := w.table(ctx, name)
	switch {
	case err != nil:
		return plan.Proposal{}, err
	case t == nil:
		return plan.Proposal{State: plan.StateDone, Notes: []string{"it is not there"}}, nil
	}
	if v := views.OwnershipOf(existing(t)); !v.Ours {
		return plan.Proposal{State: plan.StateLeft, Why: v.Why}, nil
	}
	s := views.Drop(name)
	return plan.Proposal{State: plan.StateTodo,
		Hides:   []string{"the view, from everybody it was granted to; the tables stay"},
		Actions: []plan.Action{{Does: s.Does, SQL: s.SQL}}}, nil
}

func (w *Wanted) undoStreaming(ctx context.Context) (plan.Proposal, error) {
	t, err := w.table(ctx, w.Options.Name(views.TopmostKind))
	switch {
	case err != nil:
		return plan.Proposal{}, err
	case t == nil || t.Kind != "STREAMING_TABLE":
		return plan.Proposal{State: plan.StateDone, Notes: []string{"it is not there"}}, nil
	}
	s := w.Options.DropStreaming()
	return plan.Proposal{State: plan.StateTodo, Notes: []string{"the spans that it was made of stay"},
		Actions: []plan.Action{{Does: s.Does, SQL: s.SQL}}}, nil
}
