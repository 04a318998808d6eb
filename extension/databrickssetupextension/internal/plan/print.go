// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// What is printed is a SQL script: everything but statements stands in comments, and each statement
// ends with a line that holds a semicolon. So a plan can be pasted into an editor as it is.

// Remark prints a paragraph.
func (r *Runner) Remark(text string) { r.remark(text) }

// End prints a paragraph behind an empty line.
func (r *Runner) End(text string) {
	_, _ = io.WriteString(r.Out, "\n")
	r.remark(text)
}

func (r *Runner) remark(text string) { r.lines("", text) }

// lines prints text as comments, each line behind indent.
func (r *Runner) lines(indent, text string) {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		b.WriteString(strings.TrimRight("-- "+indent+plain(line), " ") + "\n")
	}
	_, _ = r.Out.Write([]byte(b.String()))
}

// plain replaces control characters: names and messages come from elsewhere, and a carriage return
// would end a comment.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && (unicode.IsControl(c) || c == '\u2028' || c == '\u2029') {
			return ' '
		}
		return c
	}, s)
}

func (r *Runner) heading(n int, title, state string) {
	_, _ = fmt.Fprintf(r.Out, "\n-- %d. %s: %s\n", n, plain(title), plain(state))
}

func (r *Runner) broken(n int, title string, err error) {
	r.heading(n, title, "FAILED")
	r.lines("   ", err.Error())
}

func (r *Runner) proposal(n int, title string, p *Proposal) {
	r.heading(n, title, string(p.State))
	if p.Why != "" {
		r.lines("   ", p.Why)
	}
	for _, list := range []struct {
		word  string
		items []string
	}{{"costs", p.Costs}, {"hides", p.Hides}, {"shows", p.Shows}, {"note", p.Notes}} {
		for _, item := range list.items {
			r.lines("   ", list.word+": "+item)
		}
	}
	for i := range p.Actions {
		r.action(&p.Actions[i], p.State)
	}
}

func (r *Runner) action(a *Action, state State) {
	does := a.Does
	if a.Optional {
		does += " (may fail without harm)"
	}
	switch {
	case a.SQL != "" && state == StateTodo:
		r.lines("   ", "SQL: "+does)
		_, _ = fmt.Fprintf(r.Out, "%s\n;\n", a.SQL)
	case a.SQL != "":
		r.lines("   ", "SQL: "+does)
		r.lines("     ", a.SQL)
	case a.Path != "":
		r.lines("   ", "API: "+does)
		r.lines("     ", a.Method+" "+a.Path)
		if a.Body != nil {
			r.lines("     ", body(a.Body))
		}
	default:
		r.lines("   ", does)
	}
}

func body(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return "a body that can't be shown: " + err.Error()
	}
	return b.String()
}
