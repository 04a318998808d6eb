// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/sqliteread"
)

// connections are the connections that rows are read with. There are few: SQLite's caches of pages take pages from
// each other and do not get them back, so that each connection beyond those that are needed makes others read the same
// pages again and again.
type connections struct {
	uri  string
	used chan struct{} // holds a value for each connection that is in use

	mu     sync.Mutex
	idle   []*sqliteread.Conn
	closed bool
}

// newConnections allows for as many connections as there are readers, and not more than processors: a reader of a file
// hardly waits.
func newConnections(uri string, readers int) *connections {
	return &connections{uri: uri, used: make(chan struct{}, max(1, min(readers, runtime.GOMAXPROCS(0))))}
}

// get returns a connection that nobody else uses, until put is called. It waits for one.
func (p *connections) get(ctx context.Context) (*sqliteread.Conn, error) {
	select {
	case p.used <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := p.take()
	if err != nil {
		<-p.used
	}
	return c, err
}

func (p *connections) take() (*sqliteread.Conn, error) {
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
	p.giveBack(c)
	<-p.used
}

func (p *connections) giveBack(c *sqliteread.Conn) {
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
