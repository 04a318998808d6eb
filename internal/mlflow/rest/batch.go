// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/url"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
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
	body, err := c.call(ctx, splits, r)
	switch {
	case err == nil:
		c.blame.Store(0)
		c.resize(int64(len(body)), len(traces))
		return emit(answer{traces: traces, batch: body})
	case ctx.Err() != nil:
		return err
	case missing(err) && place != "":
		return err
	case missing(err):
		c.noBatch.Store(true)
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
