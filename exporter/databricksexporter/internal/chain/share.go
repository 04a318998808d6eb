package chain

import (
	"context"
	"errors"
	"sync"
)

// share bounds the bytes that the queue of one destination has taken: waiting there, being sent, or held. A single batch larger than the bound may be there alone.
type share struct {
	most int64

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

func newShare(most int64) *share {
	s := &share{most: most}
	s.room.L = &s.mu
	return s
}

// take takes room for a batch, after waiting for it if it may.
func (s *share) take(ctx context.Context, bytes, items int64, wait bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes > 0 && s.bytes+bytes > s.most && wait {
		defer context.AfterFunc(ctx, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.room.Broadcast()
		})()
	}
	for s.bytes > 0 && s.bytes+bytes > s.most && !s.closed {
		if !wait {
			return errFull
		}
		if ctx.Err() != nil {
			return errors.Join(errFull, ctx.Err())
		}
		s.room.Wait()
	}
	if s.closed {
		return errClosed
	}
	s.bytes += bytes
	s.items += items
	return nil
}

// give gives back the room of some items. A queue that merges and cuts batches keeps the number of items but not of bytes, so the bytes are their part of all.
func (s *share) give(items int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	items = min(items, s.items)
	if s.items > 0 {
		s.bytes -= int64(float64(s.bytes) * float64(items) / float64(s.items))
		s.items -= items
	}
	if s.items == 0 {
		s.bytes = 0
	}
	s.room.Broadcast()
}

// close lets nobody wait any more.
func (s *share) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.room.Broadcast()
}

// used is the number of bytes taken.
func (s *share) used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
