// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package page writes the report as a page for people: one HTML file without script and without requests to anywhere.
// It is pure: what it shows is in the document and in the progress that it is given. Text of the document comes from
// servers and is hostile; it is escaped, shortened, and isolated from the direction of the page.
package page

import (
	"bytes"
	"embed"
	"html/template"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/report"
)

// Limit is the size of a page in bytes. Details are left out, step by step, of a page that is larger.
const Limit = 300_000

// Input is what a page is made of.
type Input struct {
	Document report.Document
	// Progress tells, by receiver, how a run that goes on fares; empty for runs that have ended.
	Progress map[string]Progress
	// ReportFile, SkipFile and MissingFile are the names under which people find the report for programs, the list of
	// skipped traces and the list of what is missing, which has MissingLines lines and is there if it has any.
	ReportFile, SkipFile, MissingFile string
	MissingLines                      int
	// Examples says that the document holds texts of traces.
	Examples bool
}

//go:embed page.css *.tmpl
var files embed.FS

var (
	style     = template.CSS(strings.ReplaceAll(read("page.css"), "\n", "")) //nolint:gosec // a file of ours
	templates = template.Must(template.New("").Funcs(functions).ParseFS(files, "*.tmpl"))
)

func read(name string) string {
	body, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded
	}
	return string(body)
}

// detail is how much a page shows beyond what it must.
type detail struct {
	tables bool // of the numbers behind charts, and of the experiments that are not shown
	ids    int  // trace ids per reason
}

// details are the steps in which a page that is too large gets smaller.
var details = []detail{{true, 100}, {false, 100}, {false, 20}, {false, 0}}

// Render returns the page.
func Render(in Input) ([]byte, error) {
	var b bytes.Buffer
	for _, d := range details {
		b.Reset()
		if err := templates.ExecuteTemplate(&b, "page.tmpl", newView(&in, d)); err != nil {
			return nil, err
		}
		if b.Len() <= Limit {
			break
		}
	}
	return b.Bytes(), nil
}
