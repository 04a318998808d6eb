// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/url"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const (
	routeBatch    = "traces/batchGet"
	maxBatchBytes = 16 << 20 // of an answer with several traces; more is asked for in halves
)

// fetchBatch asks for the spans of several traces that lie in the server's database, or in one
// place in Unity Catalog. A trace without spans there makes the server fail the whole request, a
// large one makes the answer too long, a heavy one makes a gateway give up: then the halves are
// asked for, down to the trace that is the cause, which goes its own way.
func (c *Client) fetchBatch(ctx context.Context, infos []mlflow.Info, traces []int, emit func(answer) error) error {
	limit := int64(maxBatchBytes)
	if len(traces) == 1 {
		limit = c.cfg.MaxTraceBytes
	}
	place, _ := mlflow.SplitPlaceID(infos[traces[0]].ID)
	r := &request{route: routeBatch, path: "/api/3.0/mlflow/traces/batchGet", query: url.Values{},
		limit: limit, gated: true}
	if place != "" && c.dbx != nil {
		r = c.placeRequest(place, limit)
	}
	for _, i := range traces {
		id := infos[i].ID
		if place != "" {
			_, id = mlflow.SplitPlaceID(id)
		}
		r.query.Add("trace_ids", id)
	}
	var elements []mlflow.Element
	r.decode = batchInto(&elements)
	_, err := c.call(ctx, splits, r)
	switch {
	case err == nil:
		c.blame.Store(0)
		size := 0
		for i := range elements {
			size += elements[i].Size
		}
		c.resize(int64(size), len(traces))
		return emit(answer{traces: traces, batch: true, elements: elements})
	case ctx.Err() != nil:
		return err
	case missing(err) && place != "":
		return err
	case c.lacks(ctx, err, &c.noBatch):
		for _, i := range traces {
			if err := c.fetchOne(ctx, infos, i, emit); err != nil {
				return err
			}
		}
		return nil
	case errors.Is(err, errTooLarge):
		c.resize(limit+1, len(traces))
	case !ownFault(err):
		return err
	case kindOf(err) == KindUnavailable:
		if err := c.alive(ctx, place); err != nil {
			return err
		}
	}
	if len(traces) == 1 {
		return c.fetchOne(ctx, infos, traces[0], emit)
	}
	half := len(traces) / 2
	if err := c.fetchBatch(ctx, infos, traces[:half], emit); err != nil {
		return err
	}
	return c.fetchBatch(ctx, infos, traces[half:], emit)
}

// batchInto decodes an answer of batchGet. One that is no valid JSON counts as one without traces:
// they are asked for one by one.
func batchInto(elements *[]mlflow.Element) func(*pyjson.Stream) error {
	return func(s *pyjson.Stream) error {
		*elements = nil
		err := mlflow.ReadBatch(s, func(e mlflow.Element) error {
			*elements = append(*elements, e)
			return nil
		})
		if err != nil {
			*elements = nil
		}
		return unlessSyntax(s, err)
	}
}

// unlessSyntax returns the error of a decoder unless it is one of syntax in an answer that is whole:
// that is not a fault of the request, and the same would come again.
func unlessSyntax(s *pyjson.Stream, err error) error {
	if _, syntax := errors.AsType[*pyjson.SyntaxError](s.Err()); err == nil || syntax && !s.Cut() || s.Err() == nil {
		return nil
	}
	return err
}

// resize halves the batches after a long answer and lets them grow again after short ones.
func (c *Client) resize(size int64, traces int) {
	n := c.chunk.Load()
	switch {
	case size > maxChunkBytes && traces > 1:
		c.chunk.CompareAndSwap(n, int32(max(1, traces/2)))
	case size < maxChunkBytes/2 && n < maxChunk:
		c.chunk.CompareAndSwap(n, n+1)
	}
}

// ownFault reports whether a request for spans may have failed because of the traces that it asks
// for. Everything else would fail the next one too.
func ownFault(err error) bool {
	e, ok := asError(err)
	if !ok {
		return false
	}
	switch e.Kind {
	case KindServer, KindPermission, KindRequest, KindNotFound, KindAnswer:
		return true
	case KindUnavailable:
		return e.again == network
	}
	return false
}
