// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// TestVerdicts: the errors that were seen on PostgreSQL 15 and MariaDB 10.11, and those that MySQL documents.
func TestVerdicts(t *testing.T) {
	for code, want := range map[string]verdict{
		"57014": slow, "57P01": again, "57P02": again, "57P03": again, "40001": again, "40P01": again, "55P03": again,
		"53300": again, "25P03": again, "08006": again, "08P01": final, "42P05": again, "26000": again, "42501": final,
		"28P01": final, "28000": final, "3D000": final, "42P01": final, "42703": final, "22P02": final, "22021": final,
		"22025": final, "42704": final, "0A000": final,
	} {
		require.Equal(t, want, postgresVerdict(fmt.Errorf("reading: %w", &pgconn.PgError{Code: code})), code)
	}
	stale := &pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}
	require.Equal(t, again, postgresVerdict(stale))
	for number, want := range map[uint16]verdict{
		1969: slow, 3024: slow, 1205: again, 1213: again, 1040: again, 1203: again, 1226: again, 1053: again,
		1317: again, 1927: again, 1044: final, 1045: final, 1049: final, 1142: final, 1146: final, 1064: final,
	} {
		require.Equal(t, want, mysqlVerdict(fmt.Errorf("reading: %w", &mysql.MySQLError{Number: number})), number)
	}
	for _, err := range []error{io.ErrUnexpectedEOF, io.EOF, driver.ErrBadConn,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}} {
		require.Equal(t, again, postgresVerdict(fmt.Errorf("x: %w", err)))
		require.Equal(t, again, mysqlVerdict(fmt.Errorf("x: %w", err)))
	}
	require.Equal(t, again, mysqlVerdict(mysql.ErrInvalidConn))
	require.Equal(t, again, postgresVerdict(fmt.Errorf("x: %w", pgconn.ErrConnClosed)))
	for _, err := range []error{context.Canceled, errTooMuch, errDenied, errors.New("server refused TLS connection")} {
		require.Equal(t, final, postgresVerdict(err), err)
		require.Equal(t, final, mysqlVerdict(err), err)
	}
}

// A certificate that can't be verified is not tried again, although drivers call it safe.
func TestUntrusted(t *testing.T) {
	for _, verdict := range []func(error) verdict{postgresVerdict, mysqlVerdict} {
		s := &server{verdict: verdict}
		for _, cause := range []error{x509.UnknownAuthorityError{}, x509.CertificateInvalidError{Reason: x509.Expired},
			x509.HostnameError{Certificate: &x509.Certificate{}},
			&tls.CertificateVerificationError{Err: errors.New("no"), UnverifiedCertificates: nil}} {
			err := &net.OpError{Op: "write", Err: cause}
			require.Equal(t, again, verdict(err))
			require.False(t, s.transient(err))
		}
		require.True(t, s.transient(io.ErrUnexpectedEOF))
	}
}

func TestNumbered(t *testing.T) {
	require.Equal(t, "SELECT 1", numbered("SELECT 1"))
	require.Equal(t, "a = $1 AND b IN ($2, $3::float8)", numbered("a = ? AND b IN (?, ?::float8)"))
}

func TestGrants(t *testing.T) {
	s := &Store{d: &postgresDialect, login: login{user: `o"x`, database: "mlflow"}}
	require.Equal(t, `GRANT SELECT ON spans, experiments TO "o""x"`, s.grants("spans", "experiments"))
	require.ErrorContains(t, s.allowed(&pgconn.PgError{Code: "42501"}), "can grant what is needed: GRANT SELECT ON "+
		"alembic_version, experiments, trace_info, trace_tags, trace_request_metadata, assessments, spans TO")
	s.d = &mysqlDialect
	one := &Store{d: s.d, login: login{user: "u", database: "mlflow"}}
	require.Equal(t, "GRANT SELECT ON `mlflow`.spans TO 'u'@'%'", one.grants("spans"))
	require.ErrorContains(t, s.allowed(&mysql.MySQLError{Number: 1142}), "GRANT SELECT ON `mlflow`.alembic_version")
	other := errors.New("other")
	require.Equal(t, other, s.allowed(other))
}

// watched is a database whose queries a test sees before they run.
type watched struct {
	database
	before func(q query) error
	row    func(q query)
	isSlow error
}

func (w *watched) within(ctx context.Context, f func(session) error) error {
	return w.database.within(ctx, func(s session) error { return f(watchedSession{s, w}) })
}

func (w *watched) slow(err error) bool { return w.isSlow != nil && errors.Is(err, w.isSlow) }

type watchedSession struct {
	session
	w *watched
}

func (s watchedSession) query(ctx context.Context, q query, row func() error) error {
	if err := s.w.before(q); err != nil {
		return err
	}
	return s.session.query(ctx, q, func() error {
		if s.w.row != nil {
			s.w.row(q)
		}
		return row()
	})
}

// TestSlow: what lasts too long is asked for once more in halves, and then given up.
func TestSlow(t *testing.T) {
	errSlow := errors.New("canceled due to statement timeout")
	limit, calls := 0, 0
	s := open(t, placeStore(t, "sample"))
	s.db = &watched{database: s.db, isSlow: errSlow, before: func(q query) error {
		calls++
		n, last := 0, len(q.args)-1
		if q.of != nil {
			n = strings.Count(q.args[0].(string), ",") + 1
		} else if last >= 0 && strings.HasSuffix(q.text, "LIMIT ?") {
			n = q.args[last].(int)
		}
		if n > limit {
			return errSlow
		}
		return nil
	}}
	ctx := t.Context()
	r := mlflow.Range{ExperimentID: "1"}
	limit = 51
	infos, err := s.Infos(ctx, r, mlflow.Position{}, 100)
	require.NoError(t, err)
	require.Len(t, infos, 50)
	_, err = s.Infos(ctx, r, mlflow.Position{}, 200)
	require.ErrorIs(t, err, errSlow)
	limit = 1000
	infos, err = s.Infos(ctx, r, mlflow.Position{}, 100)
	require.NoError(t, err)
	require.Len(t, infos, 100)
	var ids []string
	for _, i := range infos {
		ids = append(ids, i.ID)
	}
	traces := func() error {
		n := 0
		err := s.Traces(ctx, infos, func(i int, _ *mlflow.Trace, _ *mlflow.Skip) error {
			require.Equal(t, n, i)
			n++
			return nil
		})
		require.Contains(t, []int{0, 100}, n)
		return err
	}
	limit = 50
	err = traces()
	require.NoError(t, err)
	found, err := s.Lookup(ctx, "", ids)
	require.NoError(t, err)
	require.Len(t, found, 100)
	require.NoError(t, s.Detailed(ctx, infos))
	limit = 49
	infos = infos[:100:100]
	for i := range infos {
		infos[i].Tags = nil
	}
	calls = 0
	err = traces()
	require.ErrorIs(t, err, errSlow)
	require.Equal(t, 2, calls, "it is tried once more")
	require.ErrorIs(t, s.Detailed(ctx, infos), errSlow)
	_, err = s.Lookup(ctx, "", ids)
	require.ErrorIs(t, err, errSlow)
}

// TestSizes: one query for spans never reads much more than a part, whatever the metadata tells, and what is too
// large is not read.
func TestSizes(t *testing.T) {
	for _, told := range []string{"right", "none", "too small", "too large"} {
		t.Run(told, func(t *testing.T) {
			path := placeStore(t, "sample")
			const large = 200_000
			change(t, path, "DELETE FROM trace_request_metadata WHERE key = 'mlflow.trace.sizeBytes'",
				// JSON may end in spaces
				fmt.Sprintf("UPDATE spans SET content = content || printf('%%%dc', ' ') "+
					"WHERE parent_span_id IS NULL", large),
				fmt.Sprintf("UPDATE spans SET content = content || printf('%%%dc', ' ') "+
					"WHERE parent_span_id IS NULL AND trace_id IN "+
					"(SELECT trace_id FROM spans ORDER BY trace_id LIMIT 9)", 5*large))
			size := map[string]string{"right": "sum(length(content)) + 100", "too small": "100",
				"too large": "sum(length(content)) * 7"}[told]
			if size != "" {
				change(t, path, "INSERT INTO trace_request_metadata (request_id, key, value) "+
					"SELECT trace_id, 'mlflow.trace.sizeBytes', "+size+" FROM spans GROUP BY trace_id")
			}
			s := open(t, path)
			s.opts.MaxTraceSize = 4 * large
			all, skips := readAll(t, s, 50)
			tooLarge := 0
			for _, skip := range skips {
				if skip.Reason == mlflow.ReasonTooLarge {
					tooLarge++
				}
			}
			require.Positive(t, tooLarge)
			require.Len(t, all, 124-len(skips))

			read, most, queries := 0, 0, 0
			s.db = &watched{database: s.db,
				before: func(q query) error {
					if strings.Contains(q.text, "THEN t.content") {
						queries++
					}
					read = 0
					return nil
				},
				row: func(q query) {
					if strings.Contains(q.text, "THEN t.content") {
						read += len(q.dest[5].(*text).s)
						most = max(most, read)
					}
				}}
			got, gotSkips := readAll(t, s, 500)
			require.Len(t, got, len(all))
			require.Len(t, gotSkips, len(skips))
			require.Greater(t, queries, 8)
			bound := s.d.part + 2*large // one trace more than fits
			if told == "too small" {
				bound = 2*(s.d.part+200*100) + 2*large
			}
			require.Less(t, most, bound)
		})
	}
}
