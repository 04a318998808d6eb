// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"sync"
)

// memoryBudget bounds the bytes that the queue of one destination has taken: waiting there, being
// sent, or held. A single batch larger than the limit may be there alone.
type memoryBudget struct {
	limit int64

	mu     sync.Mutex
	room   sync.Cond
	bytes  int64
	items  int64 // of the batches that the bytes belong to
	closed bool
}

var (
	errFull   = errors.New("as much data for this destination is in memory as max_memory_mib allows")
	errClosed = errors.New("the exporter is shut down")
)

func newMemoryBudget(limit int64) *memoryBudget {
	m := &memoryBudget{limit: limit}
	m.room.L = &m.mu
	return m
}

// acquire takes room for a batch, after waiting for it if it may.
func (m *memoryBudget) acquire(ctx context.Context, bytes, items int64, wait bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bytes > 0 && m.bytes+bytes > m.limit && wait {
		defer context.AfterFunc(ctx, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.room.Broadcast()
		})()
	}
	for m.bytes > 0 && m.bytes+bytes > m.limit && !m.closed {
		if !wait {
			return errFull
		}
		if ctx.Err() != nil {
			return errors.Join(errFull, ctx.Err())
		}
		m.room.Wait()
	}
	if m.closed {
		return errClosed
	}
	m.bytes += bytes
	m.items += items
	return nil
}

// release gives back the room of some items. A queue that merges and cuts batches keeps the number
// of items but not of bytes, so the bytes are their part of all.
func (m *memoryBudget) release(items int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	items = min(items, m.items)
	if m.items > 0 {
		m.bytes -= int64(float64(m.bytes) * float64(items) / float64(m.items))
		m.items -= items
	}
	if m.items == 0 {
		m.bytes = 0
	}
	m.room.Broadcast()
}

// close ends all waiting.
func (m *memoryBudget) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.room.Broadcast()
}

// used is the number of bytes taken.
func (m *memoryBudget) used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}
