// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"
)

// server is a database server, read by database/sql.
type server struct {
	pool *sql.DB
	d    *dialect
	// begin begins a transaction in which all queries see the same state, bounded in time.
	begin string
	// session runs queries on a connection; nil: database/sql does.
	session func(*sql.Conn) session
	// verdict says what an error of the server means.
	verdict func(error) verdict
	// failed is told of each error, before the connection is closed; nil: nothing is.
	failed func(error)
}

var _ database = (*server)(nil)

// verdict is what can be done about an error.
type verdict int

const (
	final verdict = iota // nothing here
	again                // the same later
	slow                 // less at a time: a time limit ended the query
)

// statementTimeout bounds each query at the server.
const statementTimeout = time.Minute

// newServer bounds the number of connections. They are closed when they were idle for a minute, and after
// half an hour in any case, so that a new place of the server is found.
func newServer(connector driver.Connector, readers int) *sql.DB {
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(max(1, readers))
	pool.SetMaxIdleConns(max(1, readers))
	pool.SetConnMaxIdleTime(time.Minute)
	pool.SetConnMaxLifetime(30 * time.Minute)
	return pool
}

// within runs f in a transaction. After an error the connection is closed: a result that is not read to its end
// would be read to its end otherwise.
func (s *server) within(ctx context.Context, f func(session) error) (err error) {
	conn, err := s.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if s.failed != nil {
				s.failed(err)
			}
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close()
	}()
	if _, err := conn.ExecContext(ctx, s.begin); err != nil {
		return err
	}
	var queries session = serverSession{conn, s.d}
	if s.session != nil {
		queries = s.session(conn)
	}
	if err := f(queries); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

func (s *server) transient(err error) bool { return !untrusted(err) && s.verdict(err) == again }

func (s *server) slow(err error) bool { return s.verdict(err) == slow }

func (s *server) close() error { return s.pool.Close() }

type serverSession struct {
	conn *sql.Conn
	d    *dialect
}

func (s serverSession) query(ctx context.Context, q query, row func() error) error {
	ctx, stop := context.WithCancel(ctx) // ends a query whose rows are not wanted any more
	defer stop()
	rows, err := s.conn.QueryContext(ctx, s.d.bind(q.text), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	dest := make([]any, len(q.dest))
	for i, d := range q.dest {
		dest[i] = d
	}
	next := func() (bool, error) {
		if !rows.Next() {
			return false, rows.Err()
		}
		return true, rows.Scan(dest...)
	}
	return q.each(next, stop, row)
}

// untrusted reports whether the certificate of the server could not be verified. Drivers say of such an error, which
// comes before anything was sent, that it is safe to try again; it does not help.
func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}

// lost reports whether an error is that of a connection rather than of the server.
func lost(err error) bool {
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &network)
}
