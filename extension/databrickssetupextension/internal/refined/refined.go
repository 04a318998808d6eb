// Package refined proposes the views over the tables: it finds out what is there, which scores there are, and lets package views write the SQL.
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
	// Warehouse runs the statements. Empty: nothing can be asked of the tables or done, only printed.
	Warehouse string
	// Options say which location. Their Scores, Spans, Logs and Annotations are found out here; the latter two are true if such scores are wanted.
	Options views.Options
	// Configured and Reported are names of scores.
	Configured, Reported []string
	// Streaming asks for the streaming table, which is proposed above RowLimit spans; 0 never proposes it.
	Streaming bool
	RowLimit  int64
	// Pending reports whether the tables are still to be made.
	Pending func() bool

	o        views.Options // as found out by the last look
	spans    int64         // -1: not counted
	planned  map[unity.Name]bool
	columns  []string // of scores, in the view of traces as it is or will be
	streamed bool     // the streaming table is there
}

// Steps are the streaming table, the scores and the three views.
func (w *Wanted) Steps() []plan.Step {
	w.planned, w.spans = map[unity.Name]bool{}, -1
	list := []plan.Step{
		{Title: "Tables to read", Look: w.lookTables, Needed: true},
		{Title: "Streaming table " + w.Options.Name(views.SpansKind).String(), Look: w.lookStreaming, Undo: w.undoStreaming},
		{Title: "Known scores", Look: w.lookScores, Needed: true},
	}
	for _, kind := range []string{views.TracesKind, views.ScoresKind, views.ContentKind} {
		list = append(list, plan.Step{
			Title: "View " + w.Options.Name(kind).String(),
			Look:  func(ctx context.Context) (plan.Proposal, error) { return w.lookView(ctx, kind) },
			Undo:  func(ctx context.Context) (plan.Proposal, error) { return w.undoView(ctx, kind) },
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
	if databricks.KindOf(err) == databricks.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &t, nil
}

func (w *Wanted) lookTables(ctx context.Context) (plan.Proposal, error) {
	p := plan.Proposal{State: plan.Done}
	w.o = w.Options
	spans := w.o.Location.Table(unity.Spans, w.o.Layout)
	t, err := w.table(ctx, spans)
	if err != nil {
		return p, err
	}
	if t == nil {
		if w.Pending() {
			p.Notes = append(p.Notes, "the tables come into being with the trace location")
			w.o.Annotations = w.o.Annotations && w.o.Layout == unity.V2
			return p, nil
		}
		p.State = plan.Refused
		p.Why = fmt.Sprintf("there is no table %s. Name an experiment, and its tables are made with it; or some workspaces make them when the first trace is written: "+
			"deliver one, then run setup again", spans)
		return p, nil
	}
	read := []string{spans.String()}
	for _, other := range []struct {
		on     *bool
		signal unity.Signal
	}{{&w.o.Logs, unity.Logs}, {&w.o.Annotations, "annotations"}} {
		if !*other.on {
			continue
		}
		n := w.o.Location.Table(other.signal, w.o.Layout)
		t, err := w.table(ctx, n)
		if err != nil {
			return p, err
		}
		if *other.on = t != nil && (other.signal != "annotations" || w.o.Layout == unity.V2); *other.on {
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
		p.Costs = append(p.Costs, "this look itself: queries in the warehouse "+w.Warehouse+", which is started for them")
	} else {
		p.Notes = append(p.Notes, "without warehouse_id nothing can be asked of the tables: scores that are in there are not known here, and the statements are for you to run")
	}
	if w.spans >= 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d spans", w.spans))
	}
	p.Notes = append(p.Notes, "reads "+strings.Join(read, ", "))
	return p, nil
}

func (w *Wanted) lookStreaming(ctx context.Context) (plan.Proposal, error) {
	name := w.o.Name(views.SpansKind)
	t, err := w.table(ctx, name)
	if err != nil {
		return plan.Proposal{}, err
	}
	if w.streamed = t != nil && t.Kind == "STREAMING_TABLE"; w.streamed {
		w.o.Spans = name
		return plan.Proposal{State: plan.Done, Costs: []string{"storage of the topmost spans, and serverless compute whenever it is refreshed"}, Notes: []string{"the views read it"}}, nil
	}
	if t != nil {
		return plan.Proposal{State: plan.Left, Why: fmt.Sprintf("%s is there and no streaming table but a %s; the views read all spans", name, strings.ToLower(t.Kind))}, nil
	}
	s := w.o.Streaming()
	p := plan.Proposal{
		State: plan.Todo,
		Costs: []string{"serverless compute for its pipeline, now and whenever it is refreshed, and storage of the topmost spans once more"},
		Shows: []string{"content, to whoever may read the table: it holds whole spans"},
		Notes: []string{"it is refreshed by REFRESH STREAMING TABLE, on a schedule that you choose; views that read it are as fresh as the last refresh",
			"without it each profile of the monitor and each query reads all spans"},
		Actions: []plan.Action{w.statement(&s)},
	}
	if w.Streaming {
		w.planned[name] = true
		w.o.Spans = name
		return p, nil
	}
	if w.RowLimit > 0 && w.spans > w.RowLimit {
		p.State = plan.Proposed
		p.Why = fmt.Sprintf("%d spans are more than views::row_limit (%d). Set views::streaming to true to have it made", w.spans, w.RowLimit)
		return p, nil
	}
	return plan.Proposal{State: plan.Done, Notes: []string{"plain views are enough, and cost nothing: views::streaming is false"}}, nil
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
	p := plan.Proposal{State: plan.Done}
	t, err := w.table(ctx, w.o.Name(views.TracesKind))
	if err != nil {
		return p, err
	}
	var have []views.Score
	if e := existing(t); e != nil && views.Judge(e).Ours {
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
	p.Notes = append(p.Notes, fmt.Sprintf("%d scores have a column in the view of traces; the view of scores shows all, whatever their names", len(w.o.Scores)))
	if len(left) > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d get none, since there are %d already: %s", len(left), views.MaxScores, strings.Join(left, ", ")))
	}
	return p, nil
}

// found are the names of scores in the tables. Names of spans are as they were written.
func (w *Wanted) found(ctx context.Context, p *plan.Proposal) ([]string, error) {
	if w.Warehouse == "" || w.spans < 0 {
		return nil, nil
	}
	days := 0
	if w.RowLimit > 0 && w.spans > w.RowLimit {
		days = recentDays
		p.Notes = append(p.Notes, fmt.Sprintf("the table is large, so scores are looked for in the spans of the last %d days; write older ones into scores", days))
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

func (w *Wanted) view(kind string, columns []string) (views.View, error) {
	switch kind {
	case views.ScoresKind:
		return w.o.ScoresView(columns)
	case views.ContentKind:
		return w.o.Content(columns)
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
		if v := views.Judge(e); !v.Ours {
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
	p := plan.Proposal{State: plan.Done}
	switch c.Action {
	case views.Leave:
		return left(name, c.Why), nil
	case views.Keep:
		p.Notes = append(p.Notes, fmt.Sprintf("it is as it should be, with %d columns", len(v.Columns)))
	case views.Create:
		w.planned[name] = true
		p.Costs = append(p.Costs, "nothing by itself; a query of the view reads the tables each time")
		p.Shows = append(p.Shows, "nothing to anybody yet: only who owns it can read it until it is granted. It reads the tables with its owner's rights")
	case views.Update:
		if len(c.Added) > 0 {
			p.Notes = append(p.Notes, "adds the columns "+strings.Join(c.Added, ", ")+"; the others keep their places, and grants stay")
		} else {
			p.Notes = append(p.Notes, "its query changes; columns and grants stay")
		}
		p.Costs = append(p.Costs, "nothing by itself")
	}
	if len(c.Statements) == 0 {
		return p, nil
	}
	p.State = plan.Todo
	for i := range c.Statements {
		p.Actions = append(p.Actions, w.statement(&c.Statements[i]))
	}
	p.Actions = append(p.Actions, plan.Action{Does: "looks how the catalog spells the query, and notes that if it is another text", Optional: true, Do: w.stored(name, v)})
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
	return plan.Proposal{State: plan.Left, Why: why + ".\nIt is not touched. To have it made here, drop or rename " + name.String() + ", or give the views another name with views::prefix"}
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
		return plan.Proposal{State: plan.Done, Notes: []string{"it is not there"}}, nil
	}
	if v := views.Judge(existing(t)); !v.Ours {
		return plan.Proposal{State: plan.Left, Why: v.Why}, nil
	}
	s := views.Drop(name)
	return plan.Proposal{State: plan.Todo, Hides: []string{"the view, from everybody it was granted to; the tables stay"}, Actions: []plan.Action{{Does: s.Does, SQL: s.SQL}}}, nil
}

func (w *Wanted) undoStreaming(ctx context.Context) (plan.Proposal, error) {
	t, err := w.table(ctx, w.Options.Name(views.SpansKind))
	switch {
	case err != nil:
		return plan.Proposal{}, err
	case t == nil || t.Kind != "STREAMING_TABLE":
		return plan.Proposal{State: plan.Done, Notes: []string{"it is not there"}}, nil
	}
	s := w.Options.DropStreaming()
	return plan.Proposal{State: plan.Todo, Notes: []string{"the spans that it was made of stay"}, Actions: []plan.Action{{Does: s.Does, SQL: s.SQL}}}, nil
}
