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

// Traces implements mlflow.Source. It reads windows of traces, each in parts that memory holds; traces are
// handed on with nothing open. What lasts too long for the database is asked for once more in halves.
func (s *Store) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) error {
	for base, most, halved := 0, maxIDs, false; base < len(infos); {
		w := window{infos: slices.Clone(infos[base:min(base+most, len(infos))])}
		for at := 0; at < len(w.infos); {
			spans, err := s.part(ctx, &w, at)
			if err != nil && !halved && len(w.infos)-at > 1 && s.db.slow(err) {
				most, halved = (len(w.infos)-at)/2, true
				break
			}
			if err != nil {
				return err
			}
			for i := range spans {
				if err := ctx.Err(); err != nil {
					return err
				}
				var trace *mlflow.Trace
				var skip *mlflow.Skip
				if !w.found[at+i] {
					skip = mlflow.Skipf(mlflow.ReasonVanished, "the trace was deleted after it was listed")
				} else if trace, skip, err = s.trace(ctx, w.infos[at+i], &spans[i]); err != nil {
					return err
				}
				spans[i] = spanRows{}
				if err := yield(base, trace, skip); err != nil {
					return err
				}
				base++
			}
			at += len(spans)
		}
	}
	return nil
}

// ensureDetail fills the infos unless they are filled, and tells which traces exist.
func (s *Store) ensureDetail(ctx context.Context, at session, infos []mlflow.Info) ([]bool, error) {
	if slices.ContainsFunc(infos, func(info mlflow.Info) bool { return !detailed(&info) }) {
		return s.detail(ctx, at, infos)
	}
	return slices.Repeat([]bool{true}, len(infos)), nil
}

// usualSpans is the room that is made for the spans of a trace.
const usualSpans = 4

// add decodes a row, of which nothing is kept. Of a trace that is larger than limit no rows are kept, only
// its size.
func (t *spanRows) add(row *scannedSpan, limit int) {
	if row.size.n == 0 && !row.size.null {
		t.cleared = true
		return
	}
	before := t.size
	t.size += int(row.size.n)
	switch {
	case before > limit:
		return
	case t.size > limit:
		t.rows = nil
		return
	case t.rows == nil:
		t.rows = make([]spanRow, 0, usualSpans)
	}
	t.rows = append(t.rows, spanRow{root: row.root.n != 0, start: row.start.n})
	r := &t.rows[len(t.rows)-1]
	if r.span, r.err = mlflow.DecodeSpan(row.content.bytes()); r.err != nil {
		r.id = strings.Clone(row.id.s)
	}
}

// trace makes a trace of its rows, its archive or its artifact. An error is that of the context.
func (s *Store) trace(ctx context.Context, info mlflow.Info, spans *spanRows) (*mlflow.Trace, *mlflow.Skip, error) {
	switch location := info.SpansLocation(); {
	case spans.size > s.opts.MaxTraceSize:
		return nil, mlflow.Skipf(mlflow.ReasonTooLarge, "%d bytes of spans, more than the limit of %d",
			spans.size, s.opts.MaxTraceSize), nil
	case location == mlflow.SpansInArchive, spans.cleared && len(spans.rows) == 0:
		return s.archive(ctx, info)
	case location == mlflow.SpansInStore:
		trace, skip := ofRows(info, spans)
		return trace, skip, nil
	}
	// The server looks for the artifact only. Servers 3.4 and 3.5 wrote spans that came by OTLP
	// into the database without saying so in a tag.
	trace, skip, err := s.artifact(ctx, info)
	if skip != nil && len(spans.rows) > 0 && !refused(skip.Reason) {
		trace, skip = ofRows(info, spans)
	}
	return trace, skip, err
}

// refused reports whether an artifact may be there and was not shown. Rows are no substitute for it: they are
// spelled differently.
func refused(r mlflow.Reason) bool {
	return r == mlflow.ReasonArtifactDenied || r == mlflow.ReasonWrongRegion || r == mlflow.ReasonTokenExpired
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
