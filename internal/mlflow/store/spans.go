// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"strconv"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// window is a list of traces that is read in parts, one after the other.
type window struct {
	infos []mlflow.Info
	found []bool // which of the traces exist; nil before the first part
	// sizes are how many bytes of spans each trace has, at least about.
	sizes []int
	exact bool // the sizes were counted
}

// scannedSpan is a row of spans as it is scanned.
type scannedSpan struct {
	of          member
	root, start integer
	size        integer // of the content in bytes; null where there is none
	id, content text    // the content is null, too, if it is larger than a trace may be
}

// spansQuery asks for the spans of the traces of a list.
func (s *Store) spansQuery(list *idList, row *scannedSpan) query {
	const columns = "t.span_id, t.parent_span_id IS NULL, t.start_time_unix_nano, octet_length(t.content), " +
		"CASE WHEN octet_length(t.content) <= "
	return s.rowsOf(list, &row.of, "spans", "trace_id", columns+strconv.Itoa(s.opts.MaxTraceSize)+" THEN t.content END",
		[]destination{&row.id, &row.root, &row.start, &row.size, &row.content})
}

// errTooMuch ends a query that reads much more than the sizes of its traces said.
var errTooMuch = errors.New("the spans are larger than the metadata tells")

// part reads the spans of the first traces of a window from place at on, as many as memory should hold and
// at least one.
func (s *Store) part(ctx context.Context, w *window, at int) ([]spanRows, error) {
	var found []spanRows
	var kept *keptSpans
	read := func(q session) (err error) {
		have, sizes := w.found, w.sizes
		if have == nil {
			if have, err = s.ensureDetail(ctx, q, w.infos); err != nil {
				return err
			}
		}
		if sizes == nil {
			if sizes, err = s.sizes(ctx, q, w.infos, w.exact); err != nil {
				return err
			}
		}
		found, kept, err = s.spans(ctx, q, w.infos[at:], sizes[at:])
		w.found, w.sizes = have, sizes
		return err
	}
	err := s.session(ctx, read)
	for tries := 0; errors.Is(err, errTooMuch) && tries < 3; tries++ {
		w.exact, w.sizes = true, nil
		err = s.session(ctx, read)
	}
	if err != nil {
		return nil, err
	}
	kept.decode(found, s.opts.MaxTraceSize)
	return found, s.refresh(ctx, w, at, found)
}

// sizes returns how many bytes of spans each trace has: what its client wrote if that is small, which was
// never seen to be too small, else what the database counts.
func (s *Store) sizes(ctx context.Context, at session, infos []mlflow.Info, exact bool) ([]int, error) {
	sizes := make([]int, len(infos))
	var counted []mlflow.Info
	var places []int
	for i := range infos {
		text, _ := mlflow.Get(infos[i].Metadata, mlflow.MetaSizeBytes)
		n, err := strconv.Atoi(text)
		if sizes[i] = n; exact || err != nil || n <= 0 || n > min(s.d.part, s.opts.MaxTraceSize) {
			sizes[i], counted, places = 0, append(counted, infos[i]), append(places, i)
		}
	}
	if len(counted) == 0 || !s.schema.hasSpans {
		return sizes, nil
	}
	var of member
	var size integer
	q := s.rowsOf(s.listOf(counted), &of, "spans", "trace_id", "octet_length(t.content)", []destination{&size})
	return sizes, at.query(ctx, q, func() error {
		sizes[places[of.at]] += int(size.n)
		return nil
	})
}

// spans reads the spans of the first of the traces, of those that are not known to be too large. What has
// to be decoded when the session has ended is kept.
func (s *Store) spans(ctx context.Context, at session, infos []mlflow.Info, sizes []int) ([]spanRows, *keptSpans,
	error) {
	if !s.schema.hasSpans {
		return make([]spanRows, len(infos)), nil, nil
	}
	var asked []mlflow.Info
	var places []int
	planned, n := 0, 0
	for ; n < len(infos); n++ {
		if sizes[n] > s.opts.MaxTraceSize {
			continue
		}
		if planned > 0 && planned+sizes[n] > s.d.part {
			break
		}
		planned, asked, places = planned+sizes[n], append(asked, infos[n]), append(places, n)
	}
	found := make([]spanRows, n)
	for i := range found {
		if sizes[i] > s.opts.MaxTraceSize {
			found[i].size = sizes[i]
		}
	}
	if len(asked) == 0 {
		return found, nil, nil
	}
	var row scannedSpan
	var kept *keptSpans
	if !s.d.decodesAtOnce {
		kept = &keptSpans{}
	}
	total, most := 0, 2*(planned+s.d.part)
	err := at.query(ctx, s.spansQuery(s.listOf(asked), &row), func() error {
		if total += len(row.content.s); total > most {
			return errTooMuch
		}
		row.of.at = places[row.of.at]
		if kept != nil {
			kept.add(&row)
		} else {
			found[row.of.at].add(&row, s.opts.MaxTraceSize)
		}
		return nil
	})
	return found, kept, err
}

// keptSpans are rows that are decoded when no transaction is open any more.
type keptSpans struct {
	rows  []scannedSpan
	texts arena
}

// keptBlock is the size of a block of kept texts. Blocks are given back one by one while their rows are decoded, so
// that a large trace is not twice in memory.
const keptBlock = 1 << 20

func (k *keptSpans) add(row *scannedSpan) {
	kept := *row
	if text := &k.texts; cap(text.block)-len(text.block) < len(row.content.s)+len(row.id.s) {
		text.block = make([]byte, 0, max(len(row.content.s)+len(row.id.s), keptBlock))
	}
	kept.content.s, kept.id.s = k.texts.keep(row.content.s), k.texts.keep(row.id.s)
	k.rows = append(k.rows, kept)
}

func (k *keptSpans) decode(found []spanRows, limit int) {
	if k == nil {
		return
	}
	k.texts = arena{}
	for i := range k.rows {
		found[k.rows[i].of.at].add(&k.rows[i], limit)
		k.rows[i] = scannedSpan{}
	}
}

// refresh reads the infos again of traces that were archived between the look at their tags and the look at
// their spans, which are from place at on: those are empty since then, and the tags tell the place of the archive.
func (s *Store) refresh(ctx context.Context, w *window, at int, spans []spanRows) error {
	var archived []mlflow.Info
	var places []int
	for i := range spans {
		_, told := mlflow.Get(w.infos[at+i].Tags, tagArchiveLocation)
		if spans[i].cleared && len(spans[i].rows) == 0 && !told {
			archived, places = append(archived, w.infos[at+i]), append(places, at+i)
		}
	}
	if len(archived) == 0 {
		return nil
	}
	var found []bool
	err := s.session(ctx, func(q session) (err error) {
		found, err = s.detail(ctx, q, archived)
		return err
	})
	if err != nil {
		return err
	}
	for k, i := range places {
		w.infos[i], w.found[i] = archived[k], found[k]
	}
	return nil
}
