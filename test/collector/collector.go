// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package collector runs the built distribution as users do. It takes a configuration, starts a
// process, and returns its exit status and the files that it wrote.
package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// limit is how long a run may take before it counts as hung.
const limit = 3 * time.Minute

// Root is the folder of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Default and Minimal are the built distributions.
func Default() string { return filepath.Join(Root(), "dist", "otelcol-mlflow") }

// Minimal is the small distribution.
func Minimal() string { return filepath.Join(Root(), "dist", "minimal", "otelcol-mlflow-minimal") }

// Kafka is the default distribution with Apache Kafka.
func Kafka() string { return filepath.Join(Root(), "dist", "kafka", "otelcol-mlflow-kafka") }

// ForConfig is the distribution that runs a shipped configuration.
func ForConfig(path string) string {
	if strings.HasPrefix(filepath.Base(path), "kafka-") {
		return Kafka()
	}
	return Default()
}

// Config is a configuration as nested maps. JSON is YAML, so it is written as that.
type Config map[string]any

// Backfill is a backfill of all experiments of a source that ends the process, with everything
// below dir: traces.jsonl, position, report.json.
func Backfill(source, dir string) Config {
	return Config{
		"receivers": map[string]any{"mlflow": map[string]any{
			"tracking_uri": source, "experiments": map[string]any{"names": []any{"*"}}, "on_complete": "shutdown",
			"storage": "file_storage", "max_source_utilization": 1,
		}},
		"exporters": map[string]any{"file": map[string]any{
			"path":     filepath.Join(dir, "traces.jsonl"),
			"rotation": map[string]any{"max_megabytes": 1024, "max_backups": 0},
		}},
		"extensions": map[string]any{
			"file_storage": map[string]any{"directory": filepath.Join(dir, "position"),
				"create_directory": true, "fsync": true},
			"mlflow_report": map[string]any{"path": filepath.Join(dir, "report.json")},
		},
		"service": map[string]any{
			"extensions": []any{"file_storage", "mlflow_report"},
			"pipelines": map[string]any{"traces": map[string]any{"receivers": []any{"mlflow"},
				"exporters": []any{"file"}}},
			"telemetry": map[string]any{
				"logs": map[string]any{"level": "info", "encoding": "json"}, "metrics": map[string]any{"level": "none"},
			},
		},
	}
}

// Set sets the value at a path of keys joined by "::".
func (c Config) Set(path string, value any) Config {
	m := map[string]any(c)
	keys := strings.Split(path, "::")
	for _, k := range keys[:len(keys)-1] {
		next, ok := m[k].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[k] = next
		}
		m = next
	}
	m[keys[len(keys)-1]] = value
	return c
}

// ToOTLP replaces the destination by the stock otlp_http exporter, so configured that accepted
// means delivered.
func (c Config) ToOTLP(endpoint string, headers map[string]any) Config {
	delete(c["exporters"].(map[string]any), "file")
	return c.Set("exporters::otlp_http", OTLP(endpoint, headers)).Set("service::pipelines::traces::exporters",
		[]any{"otlp_http"})
}

// ToGRPC is ToOTLP with the stock otlp_grpc exporter.
func (c Config) ToGRPC(address string) Config {
	delete(c["exporters"].(map[string]any), "file")
	return c.Set("exporters::otlp_grpc", OTLP(address, nil)).
		Set("exporters::otlp_grpc::tls", map[string]any{"insecure": true}).
		Set("service::pipelines::traces::exporters", []any{"otlp_grpc"})
}

// OTLP is the configuration of an otlp_http exporter that answers after the destination did, and
// whose answers are read.
func OTLP(endpoint string, headers map[string]any) map[string]any {
	return map[string]any{
		"endpoint": endpoint, "headers": headers, "timeout": "60s",
		"middlewares":      []any{map[string]any{"id": "mlflow_report"}},
		"sending_queue":    map[string]any{"wait_for_result": true, "block_on_overflow": true},
		"retry_on_failure": map[string]any{"initial_interval": "100ms", "max_interval": "1s", "max_elapsed_time": 0},
	}
}

// Process is a run of a distribution.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	out    bytes.Buffer // read only after done
	logs   string
	done   chan struct{}
	status int
}

// Start starts the default distribution with a configuration, which is written into dir.
func Start(t testing.TB, dir string, c Config) *Process {
	t.Helper()
	text, err := json.MarshalIndent(c, "", "  ")
	require.NoError(t, err)
	return StartText(t, dir, string(text))
}

// StartText starts the default distribution with the text of a configuration.
func StartText(t testing.TB, dir, config string) *Process {
	t.Helper()
	path := filepath.Join(dir, "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	return Command(t, dir, nil, Default(), "--config", path)
}

// Command starts a command; what it writes to standard error is kept in dir/log, appended to that
// of earlier runs.
func Command(t testing.TB, dir string, env []string, name string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, logs: filepath.Join(dir, "log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logs, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir = Root()
	p.cmd.Env = append(environment(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		defer log.Close()
		err := p.cmd.Wait()
		p.status = p.cmd.ProcessState.ExitCode()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			p.status = -2
			_ = exit
		}
	}()
	t.Cleanup(p.Kill)
	return p
}

// environment is the caller's without what would steer the collector or the sources it reads.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "MLFLOW_") && !strings.HasPrefix(name, "OTEL") &&
			!strings.HasSuffix(strings.ToLower(name), "_proxy") && name != "MAKEFLAGS" &&
			name != "MAKELEVEL" && name != "MFLAGS" {
			env = append(env, e)
		}
	}
	return env
}

// Signal sends a signal. A process that has ended is left alone.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err)
	}
}

// SignalAll sends a signal to the process and its children, as a terminal does.
func (p *Process) SignalAll(s syscall.Signal) {
	p.t.Helper()
	require.NoError(p.t, syscall.Kill(-p.cmd.Process.Pid, s))
}

// Kill ends the process as kill -9 does and waits until it is gone. An ended process is left alone.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Gone is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.done }

// Wait waits for the end and returns the exit status; a run that hangs fails the test.
func (p *Process) Wait() int { p.t.Helper(); return p.WaitFor(limit) }

// WaitFor is Wait with another limit.
func (p *Process) WaitFor(limit time.Duration) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Signal(syscall.SIGQUIT) // the goroutines go into the log
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
		}
		p.Kill()
		require.FailNow(p.t, "the process did not end in time", "%s\n%s", limit, tail(p.Logs(), 20000))
	}
	return p.status
}

// Done waits for the end and requires an exit status.
func (p *Process) Done(status int) {
	p.t.Helper()
	got := p.Wait()
	require.Equal(p.t, status, got, "exit status; its output: %s\nits log: %s", p.Out(), tail(p.Logs(), 6000))
}

// CPU is the processor time that the ended process took.
func (p *Process) CPU() time.Duration {
	<-p.done
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}

// Out is what the ended process wrote to standard output: the summary.
func (p *Process) Out() string {
	<-p.done
	return p.out.String()
}

// Logs is what the process has written to standard error so far.
func (p *Process) Logs() string {
	b, err := os.ReadFile(p.logs)
	require.NoError(p.t, err)
	return string(b)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// Run runs the default distribution to its end and requires an exit status.
func Run(t testing.TB, dir string, c Config, status int) *Process {
	t.Helper()
	p := Start(t, dir, c)
	p.Done(status)
	return p
}
