// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// ListedTrace is an entry of a list of traces. ExperimentID and Reason are known when the list is
// one of skipped traces.
type ListedTrace struct {
	TraceID      string        `json:"trace_id"`
	ExperimentID string        `json:"experiment_id"`
	Reason       mlflow.Reason `json:"reason"`
}

// ReadList reads a list of traces: an id per line, or the JSON lines of skipped.jsonl, or both.
// Empty lines and lines that begin with # don't count; an id that occurs again counts once, with
// what the last line says. A line that is neither is an error with its number. A line that begins an
// object and does not end it is a torn write, of a process that was killed or had no space left: it is
// left out and its number is in torn.
func ReadList(r io.Reader) (list []ListedTrace, torn []int, err error) {
	index := map[string]int{}
	const longest = 64 << 10
	in := bufio.NewReaderSize(r, longest)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil, fmt.Errorf("line %d is longer than %d bytes", n, longest)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			t, lerr := listed(text)
			i, again := index[t.TraceID]
			switch {
			case errors.Is(lerr, io.ErrUnexpectedEOF):
				torn = append(torn, n)
			case lerr != nil:
				return nil, nil, fmt.Errorf(`line %d is not a trace id nor an object with "trace_id"`, n)
			case again:
				list[i] = t
			default:
				index[t.TraceID] = len(list)
				list = append(list, t)
			}
		}
		if err == io.EOF {
			return list, torn, nil
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

var errNotListed = errors.New("not an entry of a list of traces")

// listed is the entry in a line. The error of an object without its end is io.ErrUnexpectedEOF.
func listed(line []byte) (t ListedTrace, err error) {
	if line[0] != '{' {
		if bytes.ContainsAny(line, `"{}`) {
			return t, errNotListed
		}
		return ListedTrace{TraceID: string(line)}, nil
	}
	in := json.NewDecoder(bytes.NewReader(line))
	if err := in.Decode(&t); err != nil {
		return t, err
	}
	if t.TraceID == "" || in.InputOffset() < int64(len(line)) {
		return t, errNotListed
	}
	return t, nil
}

// openList opens a reader for each experiment of the list. Traces that an earlier run over a list
// sent are left out; those that the source doesn't know are skipped as vanished, under the
// experiment that the list names.
func (r *run) openList(all []mlflow.Experiment) error {
	known := map[string]mlflow.Experiment{}
	for _, x := range all {
		known[x.ID] = x
	}
	readers := map[string]*reader{}
	for begin := 0; begin < len(r.List); begin += r.PageSize {
		part := r.List[begin:min(begin+r.PageSize, len(r.List))]
		if err := r.sort(part, known, readers); err != nil {
			return err
		}
	}
	for _, x := range r.readers {
		r.Counters.Open(x.exp, int64(len(x.list)), x.record.Totals, x.record.Delivery)
	}
	return nil
}

// sort puts a part of the list into the readers of their experiments.
func (r *run) sort(part []ListedTrace, known map[string]mlflow.Experiment, readers map[string]*reader) error {
	var ids, unplaced []string
	for _, t := range part {
		ids = append(ids, t.TraceID)
		if t.ExperimentID == "" {
			unplaced = append(unplaced, t.TraceID)
		}
	}
	sent, err := r.Store.Sent(r.ctx, ids)
	if err != nil {
		return err
	}
	place := map[string]string{}
	if len(unplaced) > 0 {
		infos, err := r.Source.Lookup(r.ctx, "", unplaced)
		if err != nil {
			return err
		}
		for i := range infos {
			place[infos[i].ID] = infos[i].ExperimentID
		}
	}
	for _, t := range part {
		if sent[t.TraceID] {
			continue
		}
		if t.ExperimentID == "" {
			t.ExperimentID = place[t.TraceID]
		}
		x := readers[t.ExperimentID]
		if x == nil {
			if x, err = r.openListed(t.ExperimentID, known); err != nil {
				return err
			}
			readers[t.ExperimentID] = x
			r.readers = append(r.readers, x)
		}
		x.list = append(x.list, t)
	}
	return nil
}

// openListed makes the reader of an experiment for a run over a list, with all open traces of
// earlier runs.
func (r *run) openListed(id string, known map[string]mlflow.Experiment) (*reader, error) {
	exp, ok := known[id]
	if !ok {
		exp = mlflow.Experiment{ID: id, Name: "unknown"}
	}
	x, err := r.openReader(exp)
	if err != nil {
		return nil, err
	}
	x.queued = nil // the list says what is read
	for _, number := range x.record.Open {
		page, err := r.Store.LoadOpen(r.ctx, exp.ID, number)
		if err != nil {
			return nil, fmt.Errorf("position of experiment %s: %w", exp.ID, err)
		}
		x.open.loaded(number, page)
	}
	return x, nil
}

// planList makes the next window of a reader over a list; x.planning is held.
func (x *reader) planList(ctx context.Context) (*window, error) {
	n := min(len(x.list), x.run.PageSize)
	part := x.list[:n]
	x.list = x.list[n:]
	ids := make([]string, n)
	formerly := make(map[string]progress.OpenTrace, n)
	x.run.saver.mu.Lock()
	for i, t := range part {
		ids[i] = t.TraceID
		if was, ok := x.open.get(t.TraceID); ok {
			formerly[t.TraceID] = was
		} else if t.Reason != "" { // counted by a version that did not keep ids
			formerly[t.TraceID] = progress.OpenTrace{ID: t.TraceID, Reason: t.Reason}
		}
	}
	x.run.saver.mu.Unlock()
	w, err := x.lookUp(ctx, ids, formerly)
	if w != nil {
		w.listed = true
	}
	return w, err
}
