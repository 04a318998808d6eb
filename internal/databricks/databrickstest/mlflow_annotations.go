package databrickstest

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// note is what is to be written as a row of annotations.
type note struct {
	id               string // empty: that of the tag or metadata of the same name, or a new one
	trace, span      string
	kind, name       string
	value            any
	comment          any
	metadata         map[string]any
	who              string
	created, updated time.Time // zero: now
}

// Annotations returns the rows of annotations of a location (catalog.schema.prefix) as they were written; the newest row of an annotation_id counts.
func (w *Workspace) Annotations(location string) []Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.findLocation(location)
	if l == nil {
		return nil
	}
	return w.annotationRows(l)
}

func (w *Workspace) setTag(rw http.ResponseWriter, r *http.Request) {
	var ask keyValue
	if !decode(rw, r, &ask) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l, f := w.place(r, true)
	if f != nil {
		f.send(rw)
		return
	}
	w.annotate(l, note{trace: r.PathValue("id"), kind: "TAG", name: ask.Key, value: ask.Value, who: caller(r).Name})
	answer(rw, http.StatusOK, map[string]any{})
}

func (w *Workspace) deleteTag(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l, f := w.place(r, true)
	if f == nil {
		f = w.running(r)
	}
	if f != nil {
		f.send(rw)
		return
	}
	for _, n := range w.annotationsOf(l) {
		if n.trace() == r.PathValue("id") && n["annotation_type"] == "TAG" && n["name"] == r.PathValue("key") {
			w.revise(l, n, Row{"deleted_at": timestamp(w.now()), "deleted_by": caller(r).Name})
			answer(rw, http.StatusOK, map[string]any{})
			return
		}
	}
	notFound("No tag with name: %s in trace with ID %s", r.PathValue("key"), r.PathValue("id")).send(rw)
}

// The rest of this file is under the lock.

// trace is the trace that an annotation belongs to.
func (r Row) trace() string {
	id, _, _ := strings.Cut(str(r["target_id"]), ":")
	return id
}

// annotate appends a row.
func (w *Workspace) annotate(l *traceLocation, n note) Row {
	now := w.now()
	if n.created.IsZero() {
		n.created = now
	}
	if n.updated.IsZero() {
		n.updated = now
	}
	row := Row{
		"annotation_id": n.id, "target_type": "TRACE", "target_id": n.trace, "annotation_type": n.kind, "name": n.name, "value": n.value, "comment": n.comment,
		"created_at": timestamp(n.created), "created_by": n.who, "updated_at": timestamp(n.updated), "updated_by": n.who, "deleted_at": nil, "deleted_by": nil,
		"metadata": nil,
	}
	if n.metadata != nil {
		row["metadata"] = n.metadata
	}
	if n.span != "" {
		row["target_type"], row["target_id"] = "SPAN", n.trace+":"+n.span
	}
	if n.id == "" {
		for _, old := range w.annotationRows(l) {
			if old["annotation_type"] == n.kind && old["name"] == n.name && old["target_id"] == row["target_id"] && old["deleted_at"] == nil {
				row["annotation_id"], row["created_at"], row["created_by"] = old["annotation_id"], old["created_at"], old["created_by"]
			}
		}
		if row["annotation_id"] == "" {
			row["annotation_id"] = w.id()
		}
	}
	w.keep(l, row)
	return row
}

// revise appends a newer version of a row.
func (w *Workspace) revise(l *traceLocation, old Row, change Row) Row {
	row := maps.Clone(old)
	row["updated_at"] = max(timestamp(w.now()), str(old["updated_at"]))
	maps.Copy(row, change)
	w.keep(l, row)
	return row
}

func (w *Workspace) keep(l *traceLocation, row Row) {
	if l.layout == unity.V1 {
		l.legacy = append(l.legacy, w.stored(row))
		return
	}
	if t := w.table(l.Table(annotations, l.layout).String()); t != nil {
		w.write(t, []Row{row})
	}
}

// annotationRows are all rows that can be seen.
func (w *Workspace) annotationRows(l *traceLocation) []Row {
	if l.layout != unity.V1 {
		return w.rows(l.Table(annotations, l.layout).String(), w.now())
	}
	var out []Row
	for _, r := range l.legacy {
		if !r.visible.After(w.now()) {
			out = append(out, r.row)
		}
	}
	return out
}

// annotationsOf is what counts: the newest row of each annotation, without those that were removed, in the order of creation.
func (w *Workspace) annotationsOf(l *traceLocation) []Row {
	at := map[any]int{}
	var out []Row
	for _, row := range w.annotationRows(l) {
		i, ok := at[row["annotation_id"]]
		if !ok {
			at[row["annotation_id"]] = len(out)
			out = append(out, row)
		} else if str(row["updated_at"]) >= str(out[i]["updated_at"]) {
			out[i] = row
		}
	}
	var live []Row
	for _, row := range out {
		if row["deleted_at"] == nil {
			live = append(live, row)
		}
	}
	return live
}

func moment(v any) time.Time {
	t, err := time.Parse(time.RFC3339Nano, str(v))
	if err != nil {
		return time.Time{}
	}
	return t
}
