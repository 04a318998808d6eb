// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package views

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
)

// Options say what the views read.
type Options struct {
	Location unity.Location
	Layout   unity.Layout

	// Prefix is what the names of the views begin with. Empty: the table prefix of the location, or
	// mlflow_experiment_trace in layout v1, where tables have none.
	Prefix string
	// Spans is read in place of the location's table of spans, if set: the streaming table, whose
	// columns are the same.
	Spans unity.Name
	// Logs and Annotations say that scores are also taken from the table of logs, and scores, tags
	// and metadata from that of annotations (layout v2). The tables must exist.
	Logs, Annotations bool
	// ScorePrefix is what attributes that hold scores begin with. Empty: metric_.
	ScorePrefix string
	// Scores are those that the view of traces has columns for.
	Scores []Score
}

var scorePrefix = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// Validate returns what is wrong, naming the field as the configuration does.
func (o *Options) Validate() error {
	if o.Layout != unity.LayoutV1 && o.Layout != unity.LayoutV2 {
		return fmt.Errorf("layout: %q is not one of v2, v1", o.Layout)
	}
	if err := o.Location.Validate(o.Layout); err != nil {
		return err
	}
	if o.Prefix != "" {
		if err := unity.CheckPrefix(o.Prefix); err != nil {
			return fmt.Errorf("prefix: %w", err)
		}
	}
	if o.ScorePrefix != "" && !scorePrefix.MatchString(o.ScorePrefix) {
		return fmt.Errorf("score_prefix: %q; write what the attributes of scores begin with, in lower case: a "+
			"letter, then letters, digits and underscores", o.ScorePrefix)
	}
	if o.Annotations && o.Layout == unity.LayoutV1 {
		return errors.New("annotations: tables of layout v1 have no annotations; leave it out")
	}
	return nil
}

// Name is the name of a view, or of the streaming table, by its kind.
func (o *Options) Name(kind string) unity.Name {
	prefix := o.Prefix
	switch {
	case prefix != "":
	case o.Location.Prefix != "" && o.Layout == unity.LayoutV2:
		prefix = o.Location.Prefix
	default:
		prefix = "mlflow_experiment_trace"
	}
	return unity.Name{Catalog: o.Location.Catalog, Schema: o.Location.Schema, Table: prefix + "_genai_" + kind}
}

// The kinds of views, and of the streaming table.
const (
	TracesKind  = "traces"
	ScoresKind  = "scores"
	SpansKind   = "spans"
	ContentKind = "content"
	EvalKind    = "eval"
	TopmostKind = "topmost_spans"
)

// Kinds are those of the views, in the order in which they are made.
var Kinds = []string{TracesKind, ScoresKind, SpansKind, ContentKind, EvalKind}

func (o *Options) spans() unity.Name {
	if o.Spans != (unity.Name{}) {
		return o.Spans
	}
	return o.Location.Table(unity.SignalSpans, o.Layout)
}

func (o *Options) scorePrefix() string {
	if o.ScorePrefix == "" {
		return genai.ScorePrefix
	}
	return o.ScorePrefix
}

// elsewhere reports whether scores are looked for beyond the spans.
func (o *Options) elsewhere() bool { return o.Logs || o.Annotations }

// View is a view as it should be.
type View struct {
	Name    unity.Name
	Comment string
	Columns []Column
	// Query is what stands after AS.
	Query string
	// Scores are those of the columns, for the view of traces.
	Scores []Score
}

// Column is a column of a view.
type Column struct{ Name, Comment string }

// Statement is one statement of SQL.
type Statement struct {
	SQL string
	// Does says in a few words what it is for.
	Does string
	// Databricks marks what only Databricks executes.
	Databricks bool
	// Optional marks what may fail without harm to anything else: comments.
	Optional bool
}
