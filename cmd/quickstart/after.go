// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// outcome is how a run of the collector ended.
type outcome struct {
	status int
	said   string  // why it did not start
	report *report // nil when this run wrote none
}

// report is what is read of report.json.
type report struct {
	Headline    string       `json:"headline"`
	Refinements []refinement `json:"refinements"`
}

type refinement struct {
	ModelCalls int64           `json:"model_calls"`
	Cost       json.RawMessage `json:"cost"`
}

// reportPath is the file of the report in a folder.
func reportPath(folder string) string { return filepath.Join(folder, "report.json") }

// readReport returns the report in a folder, nil if it is not newer than the one before, which may be nil.
func readReport(folder string, before os.FileInfo) *report {
	info, err := os.Stat(reportPath(folder))
	if err != nil || before != nil && os.SameFile(before, info) && info.ModTime().Equal(before.ModTime()) {
		return nil
	}
	body, err := os.ReadFile(reportPath(folder))
	var r report
	if err != nil || json.Unmarshal(body, &r) != nil {
		return nil
	}
	return &r
}

// unpriced reports whether there are calls of models and no price list.
func (r *report) unpriced() bool {
	for _, p := range r.Refinements {
		if p.ModelCalls > 0 && p.Cost == nil {
			return true
		}
	}
	return false
}

// after writes what follows the summary, which the collector has written: what a user does next.
func (r *request) after(w io.Writer, o outcome) {
	folder := r.folder()
	line := func(head, format string, args ...any) {
		fmt.Fprintf(w, "  %-8s  %s\n", head, fmt.Sprintf(format, args...))
	}
	switch {
	case o.status != 0 && o.report == nil:
		fmt.Fprintln(w, "not started: "+plainly(o.said))
		line("log", "%s", filepath.Join(folder, logFile))
	case o.status != 0 && strings.HasPrefix(o.report.Headline, "stopped"):
		// the headline says that running again continues
	case o.status != 0:
		if r.authorization == "" && strings.Contains(o.report.Headline, "(status 401)") {
			line("next", "write CREDENTIALS=FILE behind make run; FILE, of mode 0600, has the lines %s=… and %s=…",
				username, password)
		}
		line("log", "%s", filepath.Join(folder, logFile))
	case r.lists():
		line("choose", "%s EXPERIMENT=name, or an id, several with commas, or '*'", r.command())
	default:
		r.ways(line, o.report)
	}
}

// ways are those that lead on from a run that is complete.
func (r *request) ways(line func(head, format string, args ...any), doc *report) {
	if doc != nil && doc.unpriced() {
		line("prices", "write those of your models into %s, as %s shows, and run again with FRESH=1", ownPrices,
			examplePrices)
	}
	line("fresh", "%s FRESH=1 removes what is in %s and starts over", r.command(), r.folder())
	page := filepath.Join(r.folder(), "report.html")
	if _, err := os.Stat(page); err != nil {
		page = reportPath(r.folder())
	}
	line("open", "%s", page)
	if r.endpoint != "" {
		return
	}
	line("ask", "jq -r '.resourceSpans[].scopeSpans[].spans[].name' %s | sort | uniq -c | sort -rn # spans by name",
		filepath.Join(r.folder(), "traces.jsonl"))
	line("send", "%s ENDPOINT=http://localhost:4318 # the same to a backend that takes OTLP", r.command())
}

// command is the request as it is written, without credentials.
func (r *request) command() string {
	words := []string{"make run"}
	switch {
	case r.source == "":
	case r.place() != r.source: // with a password
		words = append(words, source+"=…")
	default:
		words = append(words, source+"="+quote(r.source))
	}
	if len(r.experiments) > 0 {
		words = append(words, experiment+"="+quote(strings.Join(r.experiments, ",")))
	}
	if r.endpoint != "" {
		words = append(words, endpoint+"="+quote(r.endpoint))
	}
	if r.authorization != "" {
		words = append(words, file+"=FILE")
	}
	return strings.Join(words, " ")
}

// quote writes a value for the shell.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:/_-+@%=", r)
	}) {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// plainly is the cause in an error of the collector, in the words of make run.
func plainly(said string) string {
	for _, before := range []string{"cannot start pipelines: ", `failed to start "mlflow" receiver: `,
		"invalid configuration: ", "receivers::mlflow: "} {
		said = strings.TrimPrefix(said, before)
	}
	if said == "" {
		return "the collector did not say why"
	}
	return strings.Replace(said, "tracking_uri:", source+":", 1)
}
