// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"maps"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Action is what becomes of one view.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionKeep   Action = "keep"  // it is as it should be
	ActionLeave  Action = "leave" // it is not ours
)

// Change is what must be done so that a view is as it should be.
type Change struct {
	View       View
	Action     Action
	Why        string // for Leave
	Added      []string
	Statements []Statement
}

// Plan compares a view with what is there; existing is nil if nothing is. Executed again after it
// was executed, or by several at the same time, the statements do no harm.
func (o *Options) Plan(v View, existing *Existing) Change {
	c := Change{View: v}
	if existing == nil {
		c.Action, c.Statements = ActionCreate, []Statement{o.create(&v)}
		return c
	}
	if verdict := OwnershipOf(existing); !verdict.Ours {
		c.Action, c.Why = ActionLeave, verdict.Why
		return c
	}
	written, wanted := existing.Properties[MarkerDefinition], Fingerprint(v.Query)
	now := Fingerprint(existing.Definition)
	// The definition is the wanted one, or the form in which the catalog keeps the wanted one.
	if now == wanted || written == wanted && now == existing.Properties[MarkerStored] {
		c.Action = ActionKeep
		if written != wanted {
			c.Statements = []Statement{o.marked(&v)} // setup ended before it could say so
		}
		return c
	}
	for _, column := range v.Columns {
		if !slices.ContainsFunc(existing.Columns,
			func(have string) bool { return strings.EqualFold(have, column.Name) }) {
			c.Added = append(c.Added, column.Name)
		}
	}
	c.Action, c.Statements = ActionUpdate, o.update(&v)
	return c
}

// create makes a view that is not there. Another that came first is left alone.
func (o *Options) create(v *View) Statement {
	var b strings.Builder
	b.WriteString("CREATE VIEW IF NOT EXISTS " + v.Name.Quoted() + " (\n")
	for i, c := range v.Columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("  " + unity.Quote(c.Name) + " COMMENT " + literal(c.Comment))
	}
	b.WriteString("\n)\nCOMMENT " + literal(v.Comment) + "\nTBLPROPERTIES (" + properties(o.markers(v)) + ")\nAS\n" +
		v.Query)
	return Statement{SQL: b.String(), Does: "creates the view"}
}

// update changes the query of a view; what was granted on it stays. The comments of columns do not
// survive that and are set again.
func (o *Options) update(v *View) []Statement {
	next := o.markers(v)
	next[MarkerNext] = next[MarkerDefinition]
	delete(next, MarkerDefinition)
	list := []Statement{
		{SQL: "ALTER VIEW " + v.Name.Quoted() + " SET TBLPROPERTIES (" + properties(next) + ")",
			Does: "announces the change, so that it is known as ours if setup ends in between"},
		{SQL: "ALTER VIEW " + v.Name.Quoted() + " AS\n" + v.Query,
			Does: "changes the query and keeps what was granted"},
		o.marked(v),
	}
	for _, c := range v.Columns {
		list = append(list, Statement{
			SQL:  "COMMENT ON COLUMN " + v.Name.Quoted() + "." + unity.Quote(c.Name) + " IS " + literal(c.Comment),
			Does: "sets the comment again", Databricks: true, Optional: true,
		})
	}
	return list
}

func (o *Options) marked(v *View) Statement {
	return Statement{SQL: "ALTER VIEW " + v.Name.Quoted() + " SET TBLPROPERTIES (" + properties(o.markers(v)) + ")",
		Does: "marks the view with its fingerprint"}
}

// Stored is the statement that notes the query as the catalog gives it back, for a view that was
// written a moment ago. There is none where it is the text that was written.
func (o *Options) Stored(v *View, definition string) []Statement {
	now := Fingerprint(definition)
	if now == Fingerprint(v.Query) {
		return nil
	}
	return []Statement{{
		SQL: "ALTER VIEW " + v.Name.Quoted() + " SET TBLPROPERTIES (" +
			properties(map[string]string{MarkerStored: now}) +
			")",
		Does: "notes how the catalog spells the query",
	}}
}

// Drop removes a view.
func Drop(name unity.Name) Statement {
	return Statement{SQL: "DROP VIEW IF EXISTS " + name.Quoted(), Does: "drops the view; the tables stay"}
}

// Streaming is the statement that creates or refreshes the streaming table: the spans that may
// stand for a trace, appended as they arrive. Views whose Options.Spans is its name read it in
// place of all spans. It needs serverless compute for its pipeline, and costs what that runs.
func (o *Options) Streaming() Statement {
	own := *o
	own.Spans = unity.Name{}
	return Statement{
		SQL: "CREATE OR REFRESH STREAMING TABLE " + o.Name(TopmostKind).Quoted() + "\nCOMMENT " +
			literal("The spans that stand for traces, content included. The views of databricks_setup read it.") +
			"\nAS SELECT *\nFROM STREAM(" + own.spans().Quoted() + ") AS s\nWHERE " + own.candidate(),
		Does:       "keeps the topmost spans in a table of their own, so that views need not read all spans",
		Databricks: true,
	}
}

// DropStreaming removes the streaming table.
func (o *Options) DropStreaming() Statement {
	return Statement{SQL: "DROP TABLE IF EXISTS " + o.Name(TopmostKind).Quoted(), Does: "drops the streaming table",
		Databricks: true}
}

// properties writes table properties in the order of their keys.
func properties(m map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, literal(key)+" = "+literal(m[key]))
	}
	return strings.Join(list, ", ")
}
