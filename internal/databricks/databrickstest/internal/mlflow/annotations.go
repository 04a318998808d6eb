// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// note is what is to be written as a row of annotations.
type note struct {
	id               string // empty: that of the tag or metadata of the same name, or a new one
	trace            string
	kind, name       string
	value            any
	comment          any
	metadata         map[string]any
	who              string
	created, updated time.Time // zero: now
}

// Annotations returns the rows of annotations of a location (catalog.schema.prefix) as they were
// written; the newest row of an annotation_id counts.
func (w *MLflow) Annotations(location string) []catalog.Row {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l := w.findLocation(location)
	if l == nil {
		return nil
	}
	return w.annotationRows(l)
}

func (w *MLflow) setTag(rw http.ResponseWriter, r *http.Request) {
	var ask keyValue
	if !server.Decode(rw, r, &ask) {
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l, f := w.place(r, true)
	if f != nil {
		f.Send(rw)
		return
	}
	w.annotate(l, note{trace: r.PathValue("id"), kind: "TAG", name: ask.Key, value: ask.Value,
		who: server.Caller(r).Name})
	server.Answer(rw, http.StatusOK, map[string]any{})
}

func (w *MLflow) deleteTag(rw http.ResponseWriter, r *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	l, f := w.place(r, true)
	if f == nil {
		f = w.running(r)
	}
	if f != nil {
		f.Send(rw)
		return
	}
	for _, n := range w.annotationsOf(l) {
		if traceOf(n) == r.PathValue("id") && n["annotation_type"] == "TAG" && n["name"] == r.PathValue("key") {
			w.revise(l, n, catalog.Row{"deleted_at": catalog.Timestamp(w.Now()), "deleted_by": server.Caller(r).Name})
			server.Answer(rw, http.StatusOK, map[string]any{})
			return
		}
	}
	server.NotFound("No tag with name: %s in trace with ID %s", r.PathValue("key"), r.PathValue("id")).Send(rw)
}

// The rest of this file is under the lock.

// traceOf is the trace that an annotation belongs to.
func traceOf(r catalog.Row) string {
	id, _, _ := strings.Cut(server.Text(r["target_id"]), ":")
	return id
}

// annotate appends a row.
func (w *MLflow) annotate(l *traceLocation, n note) catalog.Row {
	now := w.Now()
	if n.created.IsZero() {
		n.created = now
	}
	if n.updated.IsZero() {
		n.updated = now
	}
	row := catalog.Row{
		"annotation_id": n.id, "target_type": "TRACE", "target_id": n.trace, "annotation_type": n.kind, "name": n.name,
		"value": n.value, "comment": n.comment,
		"created_at": catalog.Timestamp(n.created), "created_by": n.who, "updated_at": catalog.Timestamp(n.updated),
		"updated_by": n.who, "deleted_at": nil, "deleted_by": nil,
		"metadata": nil, "_change_type": "insert",
	}
	if n.metadata != nil {
		row["metadata"] = n.metadata
	}
	if n.id == "" {
		for _, old := range w.annotationRows(l) {
			if old["annotation_type"] == n.kind && old["name"] == n.name && old["target_id"] == row["target_id"] &&
				old["deleted_at"] == nil {
				row["annotation_id"], row["created_at"], row["created_by"] = old["annotation_id"], old["created_at"],
					old["created_by"]
			}
		}
		if row["annotation_id"] == "" {
			row["annotation_id"] = w.NewID()
		}
	}
	w.keep(l, row)
	return row
}

// revise appends a newer version of a row.
func (w *MLflow) revise(l *traceLocation, old, change catalog.Row) catalog.Row {
	row := maps.Clone(old)
	row["updated_at"] = max(catalog.Timestamp(w.Now()), server.Text(old["updated_at"]))
	maps.Copy(row, change)
	w.keep(l, row)
	return row
}

func (w *MLflow) keep(l *traceLocation, row catalog.Row) {
	if l.layout == unity.LayoutV1 {
		l.legacy = append(l.legacy, w.Stored(row))
		return
	}
	if t := w.Relation(l.Table(unity.SignalAnnotations, l.layout).String()); t != nil {
		w.Write(t, []catalog.Row{row})
	}
}

// annotationRows are all rows that can be seen.
func (w *MLflow) annotationRows(l *traceLocation) []catalog.Row {
	if l.layout != unity.LayoutV1 {
		return w.RowsAt(l.Table(unity.SignalAnnotations, l.layout).String(), w.Now())
	}
	var out []catalog.Row
	for _, r := range l.legacy {
		if !r.Visible.After(w.Now()) {
			out = append(out, r.Row)
		}
	}
	return out
}

// annotationsOf is what counts: the newest row of each annotation, without those that were removed,
// in the order of creation.
func (w *MLflow) annotationsOf(l *traceLocation) []catalog.Row {
	at := map[any]int{}
	var out []catalog.Row
	for _, row := range w.annotationRows(l) {
		i, ok := at[row["annotation_id"]]
		if !ok {
			at[row["annotation_id"]] = len(out)
			out = append(out, row)
		} else if server.Text(row["updated_at"]) >= server.Text(out[i]["updated_at"]) {
			out[i] = row
		}
	}
	var live []catalog.Row
	for _, row := range out {
		if row["deleted_at"] == nil {
			live = append(live, row)
		}
	}
	return live
}

func moment(v any) time.Time {
	t, err := time.Parse(time.RFC3339Nano, server.Text(v))
	if err != nil {
		return time.Time{}
	}
	return t
}
