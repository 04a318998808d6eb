// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// answer is what a fetcher hands to the caller of Traces: the elements of a batch, one trace, or why
// there is none.
type answer struct {
	traces   []int // indexes of infos that were asked for
	batch    bool
	elements []mlflow.Element // of a batch
	trace    *mlflow.Trace
	skip     *mlflow.Skip
}

// Traces implements mlflow.Source. Fetchers, as many as there may be requests in flight, decode
// answers as they come; the caller's goroutine yields meanwhile. At most one answer per fetcher waits
// for it.
func (c *Client) Traces(ctx context.Context, infos []mlflow.Info,
	yield func(i int, t *mlflow.Trace, skip *mlflow.Skip) error) error {
	if len(infos) == 0 {
		return nil
	}
	if _, err := c.version(ctx); err != nil {
		return err
	}
	var bulk, single []int
	for i := range infos {
		switch {
		case infos[i].Unreadable != "":
			skip := mlflow.Skipf(mlflow.ReasonCorrupt, "the info of the trace can't be read: %s", infos[i].Unreadable)
			if err := yield(i, nil, skip); err != nil {
				return err
			}
		case sizeOf(&infos[i]) > c.cfg.MaxTraceBytes:
			if err := yield(i, nil, c.tooLarge(sizeOf(&infos[i]))); err != nil {
				return err
			}
		case c.dbx != nil && placeOf(&infos[i]) != "", infos[i].SpansLocation() == mlflow.SpansInStore &&
			!c.noBatch.Load() && c.api.Load() == apiV3:
			bulk = append(bulk, i)
		default:
			single = append(single, i)
		}
	}
	if c.dbx != nil {
		slices.SortStableFunc(bulk,
			func(a, b int) int { return strings.Compare(placeOf(&infos[a]), placeOf(&infos[b])) })
	}
	// What a batch leaves out or can't show is asked for again, one trace at a time.
	again, err := c.round(ctx, infos, &plan{client: c, infos: infos, bulk: bulk, single: single}, yield)
	if err == nil && len(again) > 0 {
		_, err = c.round(ctx, infos, &plan{client: c, infos: infos, single: again}, yield)
	}
	return err
}

// round fetches everything of the plan and yields it, except for traces that a batch didn't bring:
// those it returns.
func (c *Client) round(ctx context.Context, infos []mlflow.Info, p *plan,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) (again []int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	answers := make(chan answer)
	var fetchers sync.WaitGroup
	emit := func(a answer) error {
		select {
		case answers <- a:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for range min(c.cfg.Concurrency, len(p.bulk)+len(p.single)) {
		fetchers.Go(func() {
			for {
				traces, bulk := p.next()
				if len(traces) == 0 {
					return
				}
				var err error
				if bulk {
					err = c.fetchBatch(ctx, infos, traces, emit)
				} else {
					err = c.fetchOne(ctx, infos, traces[0], emit)
				}
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { fetchers.Wait(); close(done) }()
	defer func() {
		cancel(context.Canceled)
		<-done
	}()
	for {
		select {
		case a := <-answers:
			missed, err := c.deliver(infos, a, yield)
			if err != nil {
				return nil, err
			}
			again = append(again, missed...)
		case <-done:
			return again, context.Cause(ctx)
		}
	}
}

// deliver yields the traces of an answer, and returns those that it should hold and doesn't.
func (c *Client) deliver(infos []mlflow.Info, a answer,
	yield func(int, *mlflow.Trace, *mlflow.Skip) error) (missed []int, err error) {
	if !a.batch {
		c.dbx.once(a.trace)
		return nil, yield(a.traces[0], a.trace, a.skip)
	}
	missed = slices.Clone(a.traces)
	for i := range a.elements {
		e := &a.elements[i]
		at := slices.IndexFunc(missed, func(i int) bool { return sameTrace(infos[i].ID, e.TraceID) })
		if at < 0 || int64(e.Size) > c.cfg.MaxTraceBytes { // the other form is shorter: it decides
			continue
		}
		i := missed[at]
		t, err := e.Trace(infos[i])
		if err != nil {
			continue
		}
		missed = slices.Delete(missed, at, at+1)
		c.dbx.once(t)
		if err := yield(i, t, nil); err != nil {
			return nil, err
		}
	}
	return missed, nil
}

// plan hands out what is to be fetched: batches first.
type plan struct {
	client *Client
	infos  []mlflow.Info

	mu           sync.Mutex
	bulk, single []int
}

// Bounds of a batch: ids, bytes announced by the traces' metadata, bytes of the address.
const (
	maxChunk      = 25
	maxChunkBytes = 4 << 20
	maxAddress    = 4 << 10
)

// next returns the traces of the next request and whether they are to be asked for in bulk. It
// returns none at the end.
func (p *plan) next() (traces []int, bulk bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.bulk) == 0 || p.client.noBatch.Load() {
		p.single = append(p.bulk, p.single...)
		p.bulk = nil
		if len(p.single) == 0 {
			return nil, false
		}
		traces, p.single = p.single[:1], p.single[1:]
		return traces, false
	}
	n, size, address := 0, int64(0), 0
	place := placeOf(&p.infos[p.bulk[0]])
	most := int(p.client.chunk.Load())
	if place != "" {
		most = min(most, maxPlaceChunk)
	}
	for n < len(p.bulk) && n < most {
		info := &p.infos[p.bulk[n]]
		if placeOf(info) != place {
			break
		}
		size += sizeOf(info)
		address += len("&trace_ids=") + 3*len(info.ID)
		if n > 0 && (size > maxChunkBytes || address > maxAddress) {
			break
		}
		n++
	}
	traces, p.bulk = p.bulk[:n:n], p.bulk[n:]
	return traces, true
}

// sizeOf returns the size of the trace's spans in bytes as its writer noted it (3.2 on), 0 if
// unknown.
func sizeOf(info *mlflow.Info) int64 {
	text, _ := mlflow.Get(info.Metadata, mlflow.MetaSizeBytes)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (c *Client) tooLarge(size int64) *mlflow.Skip {
	if size > 0 {
		return mlflow.Skipf(mlflow.ReasonTooLarge, "%d bytes, allowed are %d (max_trace_size_mib)",
			size, c.cfg.MaxTraceBytes)
	}
	return mlflow.Skipf(mlflow.ReasonTooLarge, "more than %d bytes (max_trace_size_mib)", c.cfg.MaxTraceBytes)
}

// asSkip turns the error of a decoder into what it is.
func asSkip(err error) *mlflow.Skip {
	if err == nil {
		return nil
	}
	if s, ok := errors.AsType[*mlflow.Skip](err); ok {
		return s
	}
	return mlflow.Skipf(mlflow.ReasonCorrupt, "%s", bounded(err.Error(), 200))
}
