// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// spanRow is one row of spans, decoded.
type spanRow struct {
	span  mlflow.Span
	err   error  // why the content could not be decoded
	id    string // for the error
	root  bool
	start int64
}

// spanRows are the rows of one trace.
type spanRows struct {
	rows    []spanRow
	size    int  // of all rows that were read, in bytes of content
	cleared bool // archived: the rows are there, without content
}

// Traces implements mlflow.Source. It reads windows of traces. Spans are decoded while their row is
// there, since that spares a copy; traces are handed on with nothing open.
func (s *Store) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	for base := 0; base < len(infos); base += maxIDs {
		window := slices.Clone(infos[base:min(base+maxIDs, len(infos))])
		found, err := s.ensureDetail(ctx, window)
		if err != nil {
			return err
		}
		for at := 0; at < len(window); {
			spans, done, err := s.spans(ctx, window[at:])
			if err != nil {
				return err
			}
			for i := range done {
				if err := ctx.Err(); err != nil {
					return err
				}
				var trace *mlflow.Trace
				skip := mlflow.Skipf(mlflow.ReasonVanished, "the trace was deleted after it was listed")
				if found[at+i] {
					trace, skip = s.trace(window[at+i], &spans[i])
				}
				spans[i] = spanRows{}
				if err := yield(base+at+i, trace, skip); err != nil {
					return err
				}
			}
			at += done
		}
	}
	return nil
}

// ensureDetail fills the infos unless they are filled, and tells which traces exist.
func (s *Store) ensureDetail(ctx context.Context, window []mlflow.Info) ([]bool, error) {
	if slices.ContainsFunc(window, func(info mlflow.Info) bool { return !detailed(&info) }) {
		return s.detail(ctx, window)
	}
	found := make([]bool, len(window))
	for i := range found {
		found[i] = true
	}
	return found, nil
}

// scannedSpan is a row of spans as it is scanned.
type scannedSpan struct {
	key, root, start integer
	id               text
	content          content
}

// spansQuery asks for the spans of the traces in the order of the list. A span that is larger than
// a whole trace may be is not read: its size comes instead, negative.
func (s *Store) spansQuery(list string, row *scannedSpan) query {
	size := s.d.octets + "(t.content)"
	return query{
		text: "SELECT ids.key, t.span_id, t.parent_span_id IS NULL, t.start_time_unix_nano, CASE WHEN " + size +
			" <= ? THEN t.content ELSE -" + size + " END" +
			" FROM " + s.d.ids + " spans t ON t.trace_id = ids.value",
		args: []any{s.opts.MaxTraceSize, list},
		dest: []destination{&row.key, &row.id, &row.root, &row.start, &row.content},
	}
}

// spans reads the span rows of the first traces of the window, as many as windowBytes hold and at
// least one. It returns how many traces that is.
func (s *Store) spans(ctx context.Context, window []mlflow.Info) ([]spanRows, int, error) {
	if !s.schema.hasSpans {
		return make([]spanRows, len(window)), len(window), nil
	}
	var row scannedSpan
	var found []spanRows
	var done, total, current int
	reset := func() { found, done, total, current = make([]spanRows, len(window)), len(window), 0, -1 }
	err := s.read(ctx, s.spansQuery(idList(window), &row), reset, func() error {
		i := int(row.key.n)
		if i != current {
			if total >= windowBytes {
				done = i
				return errEnough
			}
			current = i
		}
		total += found[i].add(&row, s.opts.MaxTraceSize)
		return nil
	})
	return found, done, err
}

// usualSpans is the room that is made for the spans of a trace.
const usualSpans = 4

// add decodes a row, of which nothing is kept, and returns by how many bytes of content the trace
// has grown. Of a trace that is larger than limit no rows are kept, only its size.
func (t *spanRows) add(row *scannedSpan, limit int) (grown int) {
	if row.content.size == 0 && !row.content.null {
		t.cleared = true
		return 0
	}
	before := t.size
	t.size += row.content.size
	switch {
	case before > limit:
		return 0
	case t.size > limit:
		t.rows = nil
		return -before
	case t.rows == nil:
		t.rows = make([]spanRow, 0, usualSpans)
	}
	t.rows = append(t.rows, spanRow{root: row.root.n != 0, start: row.start.n})
	r := &t.rows[len(t.rows)-1]
	if r.span, r.err = mlflow.DecodeSpan(row.content.bytes()); r.err != nil {
		r.id = strings.Clone(row.id.s)
	}
	return row.content.size
}

// tagArchiveLocation says where the server has put the spans of an archived trace, in a format of
// its own.
const tagArchiveLocation = "mlflow.trace.archiveLocation"

// trace makes a trace of its rows, or of its artifact.
func (s *Store) trace(info mlflow.Info, spans *spanRows) (*mlflow.Trace, *mlflow.Skip) {
	switch location := info.SpansLocation(); {
	case spans.size > s.opts.MaxTraceSize:
		return nil, mlflow.Skipf(mlflow.ReasonTooLarge, "%d bytes of spans, more than the limit of %d",
			spans.size, s.opts.MaxTraceSize)
	case location == mlflow.SpansInArchive, spans.cleared && len(spans.rows) == 0:
		where, _ := mlflow.Get(info.Tags, tagArchiveLocation)
		return nil, mlflow.Skipf(mlflow.ReasonUnreachable,
			"spans are archived in %s (not readable here; the tracking server can)", bucket(where))
	case location == mlflow.SpansInStore:
		return ofRows(info, spans)
	}
	// The server looks for the artifact only. Servers 3.4 and 3.5 wrote spans that came by OTLP
	// into the database without saying so in a tag.
	trace, skip := s.artifact(info)
	if skip != nil && len(spans.rows) > 0 {
		return ofRows(info, spans)
	}
	return trace, skip
}

// ofRows makes a trace of its rows, root first and then by start, which is the order of the
// server's answers.
func ofRows(info mlflow.Info, spans *spanRows) (*mlflow.Trace, *mlflow.Skip) {
	if len(spans.rows) == 0 {
		return nil, mlflow.Skipf(mlflow.ReasonNoSpans, "the store holds no spans of this trace")
	}
	order := make([]int, len(spans.rows)) // rows are large
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &spans.rows[i], &spans.rows[j]
		if a.root != b.root {
			if a.root {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.start, b.start)
	})
	trace := &mlflow.Trace{Info: info, Spans: make([]mlflow.Span, len(spans.rows)), Size: spans.size}
	for i, from := range order {
		row := &spans.rows[from]
		if row.err != nil {
			skip := asSkip(row.err)
			return nil, mlflow.Skipf(skip.Reason, "span %s: %s", row.id, skip.Detail)
		}
		trace.Spans[i] = row.span
		translateType(&trace.Spans[i])
	}
	mlflow.Finish(trace)
	return trace, nil
}

func asSkip(err error) *mlflow.Skip {
	if skip, ok := errors.AsType[*mlflow.Skip](err); ok {
		return skip
	}
	return mlflow.Skipf(mlflow.ReasonCorrupt, "%v", err)
}
