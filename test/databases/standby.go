// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Standby starts a replica of a PostgreSQL server, which follows it by streaming and ends with the test. What the
// primary changes is applied at once, whatever queries of the replica it ends.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby := Need(t, s.standby)
	t.Cleanup(standby.Stop)
	return standby
}

func (s *Server) standby() (*Server, error) {
	backup, err := program("pg_basebackup", "/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	b, err := prepare(s.Kind, "postgres")
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(filepath.Dir(b.Dir), "passwords")
	line := fmt.Sprintf("127.0.0.1:%d:*:%s:%s\n", s.Port, Admin, Admin)
	if err := os.WriteFile(secret, []byte(line), 0o600); err != nil {
		return nil, err
	}
	if b.owner != nil {
		if err := os.Chown(secret, int(b.owner.Uid), int(b.owner.Gid)); err != nil {
			return nil, err
		}
	}
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s passfile=%s sslmode=disable", s.Port, Admin, secret)
	if err := b.run(backup, "-d", from, "-D", b.Dir, "-R", "-X", "stream", "-c", "fast", "--no-sync"); err != nil {
		return nil, err
	}
	b.command = slices.Clone(s.command)
	for i, word := range b.command {
		b.command[i] = strings.ReplaceAll(word, s.Dir, b.Dir)
		if word == strconv.Itoa(s.Port) {
			b.command[i] = strconv.Itoa(b.Port)
		}
	}
	b.command = append(b.command, "-c", "max_standby_streaming_delay=0")
	b.signal = s.signal
	if b.db, err = b.open(""); err != nil {
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, err
	}
	return b, b.Ready()
}
