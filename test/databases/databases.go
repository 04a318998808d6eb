// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package databases runs the database servers that MLflow keeps traces in, for tests: on a free port of
// 127.0.0.1, with data in a folder of their own, as the user of their package where the tests run as root. A
// server ends with the test process, however that ends. scripts/databases.sh installs what is needed.
package databases

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/freeport"
)

// Admin is the user that may do everything; its password is the same word.
const Admin = "admin"

// startLimit is how long a server may take to answer.
const startLimit = 3 * time.Minute

// ErrMissing is the error where a server is not installed.
var ErrMissing = errors.New("not installed; run scripts/databases.sh")

// Server is a running server.
type Server struct {
	Kind string // postgresql or mysql
	Port int
	Dir  string // of its data

	command []string
	signal  string // that ends it; empty: KILL
	owner   *syscall.Credential
	db      *sql.DB // as Admin

	mu    sync.Mutex
	stdin io.Closer
	ended chan struct{}
	made  int
}

// Need returns a server. Where it is not installed the test is skipped, and fails in CI.
func Need(t testing.TB, get func() (*Server, error)) *Server {
	t.Helper()
	s, err := get()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip("NOT RUN: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var running struct {
	sync.Mutex
	servers []*Server
}

// StopAll stops every server and removes its data. TestMain calls it.
func StopAll() {
	running.Lock()
	defer running.Unlock()
	for _, s := range running.servers {
		_ = s.db.Close()
		s.Stop()
		_ = os.RemoveAll(filepath.Dir(s.Dir))
	}
	running.servers = nil
}

// URI is the tracking URI of a database for a user whose password is its name.
func (s *Server) URI(user, database string) string {
	return fmt.Sprintf("%s://%s:%s@127.0.0.1:%d/%s", s.Kind, user, user, s.Port, database)
}

// New makes an empty database and returns its name.
func (s *Server) New(t testing.TB) string {
	t.Helper()
	name := s.name()
	s.Exec(t, "", "CREATE DATABASE "+name)
	return name
}

// name is one that no other database of the server has.
func (s *Server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	return fmt.Sprintf("mlflow%d", s.made)
}

// Version is what the server says that it is.
func (s *Server) Version() (version string, err error) {
	return version, s.db.QueryRowContext(context.Background(), "SELECT version()").Scan(&version)
}

// Open opens a database, "" for none in particular, as Admin until the test ends.
func (s *Server) Open(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := s.open(database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Exec runs statements in a database as Admin.
func (s *Server) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	db := s.db
	if database != "" {
		db = s.Open(t, database)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (s *Server) open(database string) (*sql.DB, error) {
	if s.Kind == "mysql" {
		return sql.Open("mysql", fmt.Sprintf("%[1]s:%[1]s@tcp(127.0.0.1:%[2]d)/%[3]s?multiStatements=true&"+
			"interpolateParams=true", Admin, s.Port, database))
	}
	if database == "" {
		database = "postgres"
	}
	return sql.Open("pgx", s.URI(Admin, database)+"?sslmode=disable")
}

// Start starts the server, again after Stop.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The shell ends the server when its input ends, which it does with this process.
	guarded := `"$@" & server=$!; cat > /dev/null; kill -` + cmp.Or(s.signal, "KILL") + ` $server; wait $server`
	cmd := exec.Command("sh", append([]string{"-c", guarded, "sh"}, s.command...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	cmd.Dir = s.Dir
	file := filepath.Join(filepath.Dir(s.Dir), "server.log")
	log, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if s.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	return nil
}

// answers waits until the server answers.
func (s *Server) answers(try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(filepath.Dir(s.Dir), "server.log"))
			return fmt.Errorf("the server did not start: %w: %s", err, log[max(0, len(log)-2000):])
		case <-tick.C:
		}
	}
}

// Ready waits until the server answers.
func (s *Server) Ready() error { return s.answers(s.db.PingContext) }

// Stop ends the server at once and returns when it is gone. Connections break.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stdin != nil {
		_ = s.stdin.Close()
		<-s.ended
		s.stdin = nil
	}
}

// prepare makes the folder of a server and decides who runs it.
func prepare(kind, owner string) (*Server, error) {
	dir, err := os.MkdirTemp("", "mlflow-"+kind+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{Kind: kind, Dir: filepath.Join(dir, "data")}
	if s.Port, err = freeport.Get(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		u, err := user.Lookup(owner)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, ErrMissing)
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		for _, d := range []string{dir, s.Dir} {
			if err := os.Chown(d, int(uid), int(gid)); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// run runs a program of the server to its end.
func (s *Server) run(command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: s.owner}, s.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

func (s *Server) begin() error {
	if err := s.Start(); err != nil {
		return err
	}
	running.Lock()
	defer running.Unlock()
	running.servers = append(running.servers, s)
	return nil
}

// program finds a program on PATH or in folders that may hold it, the last one in the order of names first.
func program(name string, folders ...string) (string, error) {
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, ErrMissing)
	}
	return path, nil
}

// tables are those that a reader of MLflow's traces needs.
var tables = [...]string{"alembic_version", "experiments", "trace_info", "trace_tags", "trace_request_metadata",
	"assessments", "spans"}

// Reader makes a user that may only read what is needed of a database, and returns its name, which is its
// password, too.
func (s *Server) Reader(t testing.TB, database string) string {
	t.Helper()
	name := "reader_" + database
	tables := s.have(t, database)
	if s.Kind == "mysql" {
		s.Exec(t, database, "CREATE USER "+name+"@'%' IDENTIFIED BY '"+name+"'")
		for _, table := range tables {
			s.Exec(t, database, "GRANT SELECT ON "+database+"."+table+" TO "+name+"@'%'")
		}
		return name
	}
	s.Exec(t, database, "CREATE ROLE "+name+" LOGIN PASSWORD '"+name+"' CONNECTION LIMIT 4",
		"GRANT SELECT ON "+strings.Join(tables, ", ")+" TO "+name,
		"ALTER ROLE "+name+" SET default_transaction_read_only = on")
	return name
}

// have are those of the tables that a database has: old versions of MLflow lack some.
func (s *Server) have(t testing.TB, database string) (found []string) {
	t.Helper()
	schema := "public"
	if s.Kind == "mysql" {
		schema = database
	}
	all, err := texts(t.Context(), s.Open(t, database), "SELECT table_name FROM information_schema.tables "+
		"WHERE table_schema = '"+schema+"'")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if slices.Contains(all, table) {
			found = append(found, table)
		}
	}
	return found
}
