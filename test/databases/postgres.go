// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"

	_ "github.com/jackc/pgx/v5/stdlib" // driver
)

// Postgres is PostgreSQL whose order of texts is that of a language.
var Postgres = sync.OnceValues(func() (*Server, error) {
	const binaries = "/usr/lib/postgresql/*/bin"
	initdb, err := program("initdb", binaries)
	if err != nil {
		return nil, err
	}
	postgres, err := program("postgres", binaries)
	if err != nil {
		return nil, err
	}
	s, err := prepare("postgresql", "postgres")
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(filepath.Dir(s.Dir), "password")
	if err := os.WriteFile(secret, []byte(Admin), 0o644); err != nil {
		return nil, err
	}
	if err := s.run(initdb, "-D", s.Dir, "-U", Admin, "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
		"--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US", "--no-sync"); err != nil {
		return nil, err
	}
	s.command = []string{postgres, "-D", s.Dir, "-p", strconv.Itoa(s.Port), "-k", s.Dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "synchronous_commit=off", "-c", "max_connections=40", "-c", "shared_buffers=128MB"}
	s.signal = "QUIT" // at once, with all processes
	if s.db, err = s.open(""); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s, s.Ready()
})
