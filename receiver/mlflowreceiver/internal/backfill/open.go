// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package backfill

import (
	"slices"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// openTraces are the open traces of one experiment, in pages as they are stored. A page is loaded
// when its traces are tried again. It is not safe for concurrent use: the saver's lock guards it.
type openTraces struct {
	stored []int // numbers of the pages in the storage, or about to be there
	pages  map[int]*openPage
	index  map[string]int // page of each loaded trace
	tail   int            // number of a loaded page with room; -1 for none
}

type openPage struct {
	traces []progress.OpenTrace
	dirty  bool
}

func newOpenTraces(stored []int) openTraces {
	return openTraces{stored: slices.Clone(stored), pages: map[int]*openPage{}, index: map[string]int{}, tail: -1}
}

// loaded takes a page that was read from the storage.
func (o *openTraces) loaded(number int, traces []progress.OpenTrace) {
	o.pages[number] = &openPage{traces: traces}
	for i := range traces {
		o.index[traces[i].ID] = number
	}
	if len(traces) < progress.OpenPerPage {
		o.tail = number
	}
}

// get returns a trace of a loaded page.
func (o *openTraces) get(id string) (progress.OpenTrace, bool) {
	number, ok := o.index[id]
	if !ok {
		return progress.OpenTrace{}, false
	}
	p := o.pages[number]
	return p.traces[p.find(id)], true
}

// put adds a trace, or changes the one with its id.
func (o *openTraces) put(t progress.OpenTrace) {
	if number, ok := o.index[t.ID]; ok {
		p := o.pages[number]
		if at := p.find(t.ID); p.traces[at] != t {
			p.traces[at], p.dirty = t, true
		}
		return
	}
	if o.tail < 0 || len(o.pages[o.tail].traces) >= progress.OpenPerPage {
		o.tail = 0
		if len(o.stored) > 0 {
			o.tail = slices.Max(o.stored) + 1
		}
		o.stored = append(o.stored, o.tail)
		o.pages[o.tail] = &openPage{}
	}
	p := o.pages[o.tail]
	p.traces, p.dirty = append(p.traces, t), true
	o.index[t.ID] = o.tail
}

// drop removes a trace, if it is there.
func (o *openTraces) drop(id string) {
	number, ok := o.index[id]
	if !ok {
		return
	}
	delete(o.index, id)
	p := o.pages[number]
	at := p.find(id)
	p.traces, p.dirty = slices.Delete(p.traces, at, at+1), true
}

// ages counts the pending ones of the loaded pages.
func (o *openTraces) ages(now time.Time) (a progress.Ages) {
	for _, p := range o.pages {
		a.Count(p.traces, now)
	}
	return a
}

// ops returns what makes the storage agree, and forgets pages that became empty.
func (o *openTraces) ops(key func(number int) string) (ops []*storage.Operation) {
	for number, p := range o.pages {
		if !p.dirty {
			continue
		}
		p.dirty = false
		if len(p.traces) > 0 {
			ops = append(ops, storage.SetOperation(key(number), progress.EncodeOpen(p.traces)))
			continue
		}
		ops = append(ops, storage.DeleteOperation(key(number)))
		delete(o.pages, number)
		o.stored = slices.DeleteFunc(o.stored, func(n int) bool { return n == number })
		if o.tail == number {
			o.tail = -1
		}
	}
	return ops
}

func (p *openPage) find(id string) int {
	return slices.IndexFunc(p.traces, func(t progress.OpenTrace) bool { return t.ID == id })
}
