// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// connections are the connections that rows are read with: as many as there are queries at the same
// time.
type connections struct {
	uri string

	mu     sync.Mutex
	idle   []*sqliteread.Conn
	closed bool
}

// get returns a connection that nobody else uses, until put is called.
func (p *connections) get() (*sqliteread.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("the store is closed")
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	return sqliteread.Open(p.uri, pragmas[:]...)
}

func (p *connections) put(c *sqliteread.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// close closes the connections, those in use when their query ends.
func (p *connections) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.Close()
	}
	p.idle, p.closed = nil, true
}
