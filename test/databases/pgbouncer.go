// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Pooled starts PgBouncer in transaction mode in front of a database of a PostgreSQL server, with two connections to
// it, and returns the tracking URI.
func (s *Server) Pooled(t testing.TB, user, database string) string {
	t.Helper()
	pooler := Need(t, func() (*Server, error) { return s.pooler(user, database) })
	t.Cleanup(pooler.Stop)
	return pooler.URI(user, database)
}

func (s *Server) pooler(user, database string) (*Server, error) {
	binary, err := program("pgbouncer", "/usr/sbin")
	if err != nil {
		return nil, err
	}
	p, err := prepare(s.Kind, "postgres")
	if err != nil {
		return nil, err
	}
	config := filepath.Join(filepath.Dir(p.Dir), "pgbouncer.ini")
	users := filepath.Join(filepath.Dir(p.Dir), "users.txt")
	for name, text := range map[string]string{
		users: fmt.Sprintf("%q %q\n", user, user),
		config: fmt.Sprintf("[databases]\n%s = host=127.0.0.1 port=%d\n"+
			"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
			"unix_socket_dir =\nauth_type = plain\nauth_file = %s\npool_mode = transaction\ndefault_pool_size = 2\n",
			database, s.Port, p.Port, users),
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	p.command = []string{binary, config}
	if err := p.begin(); err != nil {
		return nil, err
	}
	p.db, err = sql.Open("pgx", p.URI(user, database)+"?sslmode=disable&default_query_exec_mode=simple_protocol")
	if err != nil {
		return nil, err
	}
	return p, p.Ready()
}
