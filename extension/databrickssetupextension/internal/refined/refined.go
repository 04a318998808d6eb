// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package refined returns the steps for the views over the tables. The steps read which tables,
// views and scores exist. Package views writes the SQL.
package refined

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/plan"
	"github.com/otelcol-mlflow/otelcol-mlflow/extension/databrickssetupextension/internal/views"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// recentDays is how far back scores are looked for in tables above the row limit.
const recentDays = 30

// Wanted is what should be.
type Wanted struct {
	Client *databricks.Client
	// Warehouse runs the statements. Empty: nothing can be asked of the tables or done, only
	// printed.
	Warehouse string
	// Options say which location. Their Scores, Spans, Logs and Annotations are found out here; the
	// latter two are true if such scores are wanted.
	Options views.Options
	// Configured and Reported are names of scores.
	Configured, Reported []string
	// Streaming asks for the streaming table, which is proposed above RowLimit spans; 0 never
	// proposes it.
	Streaming bool
	RowLimit  int64
	// Copies are the kinds of views of which a table is made, for monitors.
	Copies []string
	// Pending reports whether the tables are still to be made.
	Pending func() bool

	o        views.Options // as found out by the last look
	spans    int64         // -1: not counted
	planned  map[unity.Name]bool
	columns  []string // of scores, in the view of traces as it is or will be
	streamed bool     // the streaming table is there
}

// Steps are the streaming table, the scores and the views.
func (w *Wanted) Steps() []plan.Step {
	w.planned, w.spans = map[unity.Name]bool{}, -1
	list := []plan.Step{
		{Title: "Tables to read", Look: w.lookTables, Needed: true},
		{Title: "Streaming table " + w.Options.Name(views.TopmostKind).String(), Look: w.lookStreaming,
			Undo: w.undoStreaming},
		{Title: "Known scores", Look: w.lookScores, Needed: true},
	}
	for _, kind := range views.Kinds {
		list = append(list, plan.Step{
			Title: "View " + w.Options.Name(kind).String(),
			Look:  func(ctx context.Context) (plan.Proposal, error) { return w.lookView(ctx, kind) },
			Undo:  func(ctx context.Context) (plan.Proposal, error) { return w.undoView(ctx, kind) },
		})
	}
	for _, kind := range w.Copies {
		list = append(list, plan.Step{
			Title: "Table " + views.CopyName(w.Options.Name(kind)).String(),
			Look:  func(ctx context.Context) (plan.Proposal, error) { return w.lookCopy(ctx, kind) },
			Undo:  func(ctx context.Context) (plan.Proposal, error) { return w.undoCopy(ctx, kind) },
		})
	}
	return list
}

// Planned reports whether a view that is not there is about to be made.
func (w *Wanted) Planned(n unity.Name) bool { return w.planned[n] }

// ScoreColumns are the columns of scores in the view of traces, as it is or will be.
func (w *Wanted) ScoreColumns() []string { return slices.Clone(w.columns) }

// table reads what is where a table or view should be; nil if nothing is.
func (w *Wanted) table(ctx context.Context, n unity.Name) (*databricks.Table, error) {
	t, err := w.Client.Table(ctx, n)
	if databricks.KindOf(err) == databricks.KindNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &t, nil
}

func (w *Wanted) lookTables(ctx context.Context) (plan.Proposal, error) {
	p := plan.Proposal{State: plan.StateDone}
	w.o = w.Options
	spans := w.o.Location.Table(unity.SignalSpans, w.o.Layout)
	t, err := w.table(ctx, spans)
	if err != nil {
		return p, err
	}
	if t == nil {
		if w.Pending() {
			p.Notes = append(p.Notes, "the tables come into being with the trace location")
			w.o.Annotations = w.o.Annotations && w.o.Layout == unity.LayoutV2
			return p, nil
		}
		p.State = plan.StateRefused
		p.Why = fmt.Sprintf("there is no table %s. Name an experiment, and its tables are made with it; or some "+
			"workspaces make them when the first trace is written: "+
			"deliver one, then run setup again", spans)
		return p, nil
	}
	read := []string{spans.String()}
	for _, other := range []struct {
		on     *bool
		signal unity.Signal
	}{{&w.o.Logs, unity.SignalLogs}, {&w.o.Annotations, unity.SignalAnnotations}} {
		if !*other.on {
			continue
		}
		n := w.o.Location.Table(other.signal, w.o.Layout)
		t, err := w.table(ctx, n)
		if err != nil {
			return p, err
		}
		if *other.on = t != nil && slices.Contains(unity.Signals(w.o.Layout), other.signal); *other.on {
			read = append(read, n.String())
		} else {
			p.Notes = append(p.Notes, n.String()+" is not there, so no scores are taken from it")
		}
	}
	if w.Warehouse != "" {
		count, err := w.Client.Statement(ctx, w.Warehouse, w.o.RowCount().SQL)
		if err != nil {
			return p, err
		}
		if len(count.Rows) == 1 {
			w.spans, _ = strconv.ParseInt(count.Rows[0][0], 10, 64)
		}
		p.Costs = append(p.Costs, "the plan itself: queries in the warehouse "+w.Warehouse+
			", which is started for them")
	} else {
		p.Notes = append(p.Notes, "without warehouse_id nothing can be asked of the tables: scores that are in "+
			"there are not known here, and the statements are for you to run")
	}
	if w.spans >= 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d spans", w.spans))
	}
	p.Notes = append(p.Notes, "reads "+strings.Join(read, ", "))
	return p, nil
}

func (w *Wanted) lookStreaming(ctx context.Context) (plan.Proposal, error) {
	name := w.o.Name(views.TopmostKind)
	t, err := w.table(ctx, name)
	if err != nil {
		return plan.Proposal{}, err
	}
	if w.streamed = t != nil && t.Kind == "STREAMING_TABLE"; w.streamed {
		w.o.Spans = name
		return plan.Proposal{State: plan.StateDone,
			Costs: []string{"storage of the topmost spans, and serverless compute whenever it is refreshed"},
			Notes: []string{"the views read it"}}, nil
	}
	if t != nil {
		return plan.Proposal{State: plan.StateLeft,
			Why: fmt.Sprintf("%s is there and no streaming table but a %s; the views read all spans", name,
				strings.ToLower(t.Kind))}, nil
	}
	s := w.o.Streaming()
	p := plan.Proposal{
		State: plan.StateTodo,
		Costs: []string{"serverless compute for its pipeline, now and whenever it is refreshed, and storage of the " +
			"topmost spans once more"},
		Shows: []string{"content, to all principals that may read the table: it holds whole spans"},
		Notes: []string{"it is refreshed by REFRESH STREAMING TABLE, on a schedule that you choose; views that read " +
			"it are as fresh as the last refresh",
			"without it each profile of the monitor and each query reads all spans"},
		Actions: []plan.Action{w.statement(&s)},
	}
	if w.Streaming {
		w.planned[name] = true
		w.o.Spans = name
		return p, nil
	}
	if w.RowLimit > 0 && w.spans > w.RowLimit {
		p.State = plan.StateProposed
		p.Why = fmt.Sprintf(
			"%d spans are more than views::row_limit (%d). Set views::streaming to true to have it made", w.spans,
			w.RowLimit)
		return p, nil
	}
	return plan.Proposal{State: plan.StateDone,
		Notes: []string{"plain views are enough, and cost nothing: views::streaming is false"}}, nil
}

// existing is what is where a view should be.
func existing(t *databricks.Table) *views.Existing {
	if t == nil {
		return nil
	}
	e := &views.Existing{Type: t.Kind, Definition: t.View, Properties: t.Properties}
	for _, c := range t.Columns {
		e.Columns = append(e.Columns, c.Name)
	}
	return e
}

func (w *Wanted) lookScores(ctx context.Context) (plan.Proposal, error) {
	p := plan.Proposal{State: plan.StateDone}
	t, err := w.table(ctx, w.o.Name(views.TracesKind))
	if err != nil {
		return p, err
	}
	var have []views.Score
	if e := existing(t); e != nil && views.OwnershipOf(e).Ours {
		if have, err = w.o.ScoresOf(e); err != nil {
			p.Notes = append(p.Notes, err.Error())
		}
	}
	found, err := w.found(ctx, &p)
	if err != nil {
		return p, err
	}
	var left []string
	w.o.Scores, left = w.o.Known(have, w.Configured, w.Reported, found)
	for _, s := range w.o.Scores[len(have):] {
		p.Notes = append(p.Notes, fmt.Sprintf("new: %s, in the column %s", s.Name, s.Column))
	}
	p.Notes = append(p.Notes,
		fmt.Sprintf("%d scores have a column in the view of traces; the view of scores shows all, whatever their names",
			len(w.o.Scores)))
	if len(left) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d get none, since there are %d already: %s", len(left), views.MaxScores,
			strings.Join(left, ", ")))
	}
	return p, nil
}

// found are the names of the scores that the tables show. Names of spans are as they were written.
func (w *Wanted) found(ctx context.Context, p *plan.Proposal) ([]string, error) {
	if w.Warehouse == "" || w.spans < 0 {
		return nil, nil
	}
	days := 0
	if w.RowLimit > 0 && w.spans > w.RowLimit {
		days = recentDays
		p.Notes = append(p.Notes, fmt.Sprintf("the table is large, so scores are looked for in the traces of "+
			"the last %d days; write older ones into scores", days))
	}
	own := w.o
	if !w.streamed {
		own.Spans = unity.Name{}
	}
	r, err := w.Client.Statement(ctx, w.Warehouse, own.Found(days).SQL)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, row := range r.Rows {
		if len(row) > 0 && row[0] != "" && !slices.Contains(names, row[0]) {
			names = append(names, row[0])
		}
	}
	return names, nil
}
