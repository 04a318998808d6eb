package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"unsafe"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store/rawlite"
)

// pool keeps the connections that rows are read with, one for each goroutine that reads.
type pool struct {
	uri  string
	mu   sync.Mutex
	idle []*rawlite.Conn
}

func (p *pool) get() (*rawlite.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	pragmas := []string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "query_only(1)", "case_sensitive_like(1)"}
	return rawlite.Open(p.uri, pragmas...)
}

func (p *pool) put(c *rawlite.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
}

func (p *pool) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}

// readRaw runs a query once. Texts are views of SQLite's memory until row returns.
func (s *Store) readRaw(ctx context.Context, q query, row func() error) error {
	c, err := s.raw.get()
	if err != nil {
		return err
	}
	defer s.raw.put(c)
	return c.Query(ctx, q.text, q.args, func(r *rawlite.Row) error {
		for i, d := range q.dest {
			switch d := d.(type) {
			case *text:
				d.raw(r, i)
			case *integer:
				d.raw(r, i)
			case *content:
				if r.Kind(i) == rawlite.Integer {
					d.text, d.size = text{}, int(-r.Int(i))
				} else {
					d.text.raw(r, i)
					d.size = len(d.s)
				}
			case *real:
				switch r.Kind(i) {
				case rawlite.Integer, rawlite.Float:
					d.f, d.null = r.Float(i), false
				default:
					d.f, d.null = 0, true
				}
			}
		}
		return row()
	})
}

func (t *text) raw(r *rawlite.Row, i int) {
	t.null = false
	switch r.Kind(i) {
	case rawlite.Text:
		b := r.Bytes(i)
		t.s = unsafe.String(unsafe.SliceData(b), len(b))
	case rawlite.Blob:
		b := r.Blob(i)
		t.s = unsafe.String(unsafe.SliceData(b), len(b))
	case rawlite.Null:
		t.s, t.null = "", true
	case rawlite.Integer:
		t.s = strconv.FormatInt(r.Int(i), 10)
	case rawlite.Float:
		t.s = strconv.FormatFloat(r.Float(i), 'g', -1, 64)
	}
}

func (n *integer) raw(r *rawlite.Row, i int) {
	n.null = false
	switch r.Kind(i) {
	case rawlite.Integer:
		n.n = r.Int(i)
	case rawlite.Float:
		n.n = int64(r.Float(i))
	case rawlite.Text:
		_ = (*integer).Scan(n, string(r.Bytes(i)))
	case rawlite.Blob:
		_ = (*integer).Scan(n, string(r.Blob(i)))
	default:
		n.n, n.null = 0, true
	}
}

// arena is memory for the small texts of one trace.
type arena struct{ buf []byte }

func (a *arena) keep(s string) string {
	if s == "" {
		return ""
	}
	if cap(a.buf)-len(a.buf) < len(s) {
		a.buf = make([]byte, 0, max(len(s), arenaBlock))
	}
	n := len(a.buf)
	a.buf = append(a.buf, s...)
	return unsafe.String(&a.buf[n], len(s))
}

const arenaBlock = 1 << 10

func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
