// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package mlflowserver runs real MLflow servers, fills them with data and asks MLflow's own Python
// client what they hold. Everything is done by the scripts in test/py, which make their own
// environments.
package mlflowserver

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// Database is the version of MLflow that the tests run with spans in the database: 3.17.2, or the one
// of OTELCOL_MLFLOW_TEST_VERSION, for which test/py has pins.
var Database = cmp.Or(os.Getenv("OTELCOL_MLFLOW_TEST_VERSION"), "3.17.2")

// Versions that keep spans in artifacts.
const (
	ArtifactsV3 = "3.4.0"  // spans in artifacts, schema 3
	ArtifactsV2 = "2.22.5" // spans in artifacts, schema 2
	Oldest      = "2.14.3" // the same, in the first form of everything
)

// Server is a running server. Its store is Dir/mlflow.db, its artifacts are below Dir/artifacts.
type Server struct {
	URL     string `json:"url"`
	Dir     string `json:"dir"`
	Version string `json:"version"`
	// Admin, Reader and Experiments are set with --auth: the reader may read experiment team-a
	// only.
	Admin       Login             `json:"admin"`
	Reader      Login             `json:"reader"`
	Experiments map[string]string `json:"experiments"`

	python  string
	process *process
}

// Login is a user name with its password.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Scripts is the folder test/py.
func Scripts() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(filepath.Dir(file)), "py")
}

var environments sync.Map // version → func() (string, error)

// Python returns the interpreter that has the given version of MLflow; the first call of a machine
// installs it.
func Python(version string) (string, error) {
	once, _ := environments.LoadOrStore(version, sync.OnceValues(func() (string, error) {
		out, err := output(exec.Command(filepath.Join(Scripts(), "env.sh"), version))
		return strings.TrimSpace(string(out)), err
	}))
	return once.(func() (string, error))()
}

// Start starts a server of a version that serves dir, which may be empty or what another server
// left. options are those of server.py.
func Start(version, dir string, options ...string) (*Server, error) {
	python, err := Python(version)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, append([]string{filepath.Join(Scripts(), "server.py"), "--dir", dir}, options...)...)
	s := &Server{python: python}
	if s.process, err = launch(cmd, "MLflow "+version, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends the server and returns when it is gone.
func (s *Server) Stop() { s.process.stop() }

// MySQL returns the options with which a server of a version keeps its traces in a MySQL database, of which uri is what
// a reader writes. Environments of old versions have no driver of their own.
func MySQL(version, uri string) ([]string, error) {
	options := []string{"--store", strings.Replace(uri, "mysql:", "mysql+pymysql:", 1)}
	if version != ArtifactsV2 && version != ArtifactsV3 {
		return options, nil
	}
	driver, err := packages("mysql")
	return append(options, "--env", "PYTHONPATH="+driver), err
}

// SQLite returns the tracking URI of the store underneath.
func (s *Server) SQLite() string { return "sqlite:///" + filepath.Join(s.Dir, "mlflow.db") }

// Generated is what a generator says about its data.
type Generated struct {
	Experiments map[string]string `json:"experiments"` // name → id
	Traces      map[string]string `json:"traces"`      // label → MLflow's trace id
	Notes       []string          `json:"notes"`       // what this version refused
}

// Generate runs the generator of the server's version.
func (s *Server) Generate(login Login, args ...string) (g Generated, err error) {
	script := "generate_v3.py"
	if strings.HasPrefix(s.Version, "2.") {
		script = "generate_v2.py"
	}
	out, err := s.run(login, script, append([]string{s.URL}, args...)...)
	if err != nil {
		return g, err
	}
	err = json.Unmarshal(out, &g)
	return g, err
}

// Archive moves the spans of finished traces of the experiments, by name, from the SQLite store below dir into
// location, at most so many traces, and returns how many. It runs what the server's own scheduler runs;
// env is NAME=value for it. Version Database only.
func Archive(dir, location string, limit int, env []string, experiments ...string) (int, error) {
	return ArchiveOf("sqlite:///"+filepath.Join(dir, "mlflow.db"), dir, location, limit, env, experiments...)
}

// ArchiveOf is Archive for the store that MLflow finds at uri; dir is a folder for settings.
func ArchiveOf(uri, dir, location string, limit int, env []string, experiments ...string) (int, error) {
	config := filepath.Join(dir, "archival.yaml")
	text := fmt.Sprintf("trace_archival: {enabled: true, location: %q, retention: 30d, interval_seconds: 1, "+
		"max_traces_per_pass: %d}\n", location, limit)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, err
	}
	out, err := Script(Database, env, "archive.py", append([]string{uri, config}, experiments...)...)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

// Demo fills the server with MLflow's own demo data; version Database only.
func (s *Server) Demo() error {
	_, err := s.run(Login{}, "demo.py", s.URL)
	return err
}

// Scored adds n traces with every kind of text and score to the experiment "scored" of a store of
// version Database that no server serves yet.
func Scored(n int, path string) error {
	python, err := Python(Database)
	if err != nil {
		return err
	}
	_, err = run(python, Login{}, "scored_store.py", strconv.Itoa(n), path)
	return err
}

// Canaries is what canary.py wrote.
type Canaries struct {
	Experiment string   // its id
	Canaries   []string // all, each in a place of its own
	Keys       []string // those in keys of attributes
	Spans      int      // that hold them
	Broken     string   // id of a further trace, of one span
}

// Canaries writes traces with a canary in each place for text into a new experiment.
func (s *Server) Canaries(experiment string) (c Canaries, err error) {
	out, err := s.run(Login{}, "canary.py", s.URL, experiment)
	if err != nil {
		return c, err
	}
	err = json.Unmarshal(out, &c)
	return c, err
}

// Overridden is a trace that override.py scored.
type Overridden struct {
	Trace string `json:"trace"` // its id
	Root  string `json:"root"`  // the id of its topmost span
	// Assessments are those that the script made, as the server returns them.
	Assessments []map[string]any `json:"assessments"`
}

// Override scores a trace with MLflow's own client: feedback is overridden, deleted, about spans.
func (s *Server) Override() (out Overridden, err error) {
	text, err := s.run(Login{}, "override.py", s.URL)
	if err != nil {
		return out, err
	}
	err = json.Unmarshal(text, &out)
	return out, err
}

// Refined writes what the genai processor must write on the traces of the given experiments, as
// Python computes it from what MLflow's client returns, to a file in the format of refined.py. uri
// is the server's, or SQLite() for traces that a server can't answer for.
func (s *Server) Refined(uri, path string, experiments ...string) error {
	_, err := s.run(Login{}, "refined.py", append([]string{uri, path}, experiments...)...)
	return err
}

// Expected writes what MLflow's client returns for the given experiments, all active ones without
// any, to a file in the format of expected.py.
func (s *Server) Expected(path string, experiments ...string) error {
	args := []string{s.URL, path}
	for _, e := range experiments {
		args = append(args, "--experiment", e)
	}
	_, err := s.run(Login{}, "expected.py", args...)
	return err
}

func (s *Server) run(login Login, script string, args ...string) ([]byte, error) {
	return run(s.python, login, script, args...)
}

func run(python string, login Login, script string, args ...string) ([]byte, error) {
	cmd := exec.Command(python, append([]string{filepath.Join(Scripts(), script)}, args...)...)
	cmd.Env = environment()
	if login.Username != "" {
		cmd.Env = append(cmd.Env, "MLFLOW_TRACKING_USERNAME="+login.Username,
			"MLFLOW_TRACKING_PASSWORD="+login.Password)
	}
	return output(cmd)
}

// Script runs a script of test/py with MLflow of the given version and returns what it prints. It
// sees the caller's environment without anything that would steer MLflow, and env besides
// (NAME=value).
func Script(version string, env []string, script string, args ...string) ([]byte, error) {
	python, err := Python(version)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, append([]string{filepath.Join(Scripts(), script)}, args...)...)
	cmd.Env = append(environment(), env...)
	return output(cmd)
}

// environment is the caller's without anything that would steer MLflow.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "MLFLOW_") && !strings.HasPrefix(e, "DATABRICKS_") && !strings.HasPrefix(e, "OTEL_") {
			env = append(env, e)
		}
	}
	return env
}

// output runs a command and returns its standard output; an error holds the end of what it
// complained about.
func output(cmd *exec.Cmd) ([]byte, error) {
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		text := complaints.String()
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, text[max(0, len(text)-2000):])
	}
	return out.Bytes(), nil
}
