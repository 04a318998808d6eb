// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	binary  = "dist/otelcol-mlflow"
	logFile = "collector.log"
	// ownPrices are those of the user, examplePrices those of the models in the sample store.
	ownPrices     = "config/prices.yaml"
	examplePrices = "config/prices-example.yaml"
)

// patience is how long a source may be away, in the form of a configuration.
const patience = "30s"

// run runs the collector, shows what it does and returns its exit status.
func (r *request) run() (int, error) {
	folder := r.folder()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return 0, err
	}
	log, err := os.OpenFile(filepath.Join(folder, logFile), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	before, err := os.Stat(reportPath(folder))
	if err != nil {
		before = nil
	}
	cmd := exec.Command(binary, r.arguments()...)
	cmd.Env, cmd.Stdout = r.environment(os.Environ()), os.Stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	forward(cmd.Process)
	said := follow(stderr, log, &shown{out: os.Stdout, source: r.place(), endpoint: r.endpoint})
	if exit := (*exec.ExitError)(nil); errors.As(cmd.Wait(), &exit) && exit.ExitCode() < 0 {
		said = "the collector was ended: " + exit.String()
	}
	status := cmd.ProcessState.ExitCode()
	r.after(os.Stdout, outcome{status: status, said: said, report: readReport(folder, before)})
	if status < 0 { // ended by a signal
		status = 1
	}
	return status, nil
}

// forward passes SIGTERM on. Ctrl-C reaches the collector without help, and must not end this process before it.
func forward(p *os.Process) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = p.Signal(s) // it may have ended
			}
		}
	}()
}

// arguments are those of the collector.
func (r *request) arguments() []string {
	args := []string{"--config", "config/quickstart.yaml"}
	if r.endpoint != "" {
		args[1] = "config/otlp.yaml"
	}
	if prices := r.prices(); prices != "" {
		args = append(args, "--config", prices)
	}
	return append(args, "--config", "yaml:"+r.overlay())
}

// prices is the file with the prices for the models of the source; empty when there is none.
func (r *request) prices() string {
	if r.source == "" {
		return examplePrices
	}
	if _, err := os.Stat(ownPrices); err == nil {
		return ownPrices
	}
	return ""
}

// overlay is what a request changes in the configuration, as JSON, which is YAML.
func (r *request) overlay() string {
	receiver := map[string]any{
		"retry_on_failure": map[string]any{"max_interval": "5s", "max_elapsed_time": patience},
	}
	if len(r.experiments) > 0 {
		receiver["experiments"] = r.experiments
	}
	if r.authorization != "" {
		receiver["http"] = map[string]any{
			"headers": map[string]any{"Authorization": "${env:OTELCOL_MLFLOW_AUTHORIZATION}"},
		}
	}
	service := map[string]any{"telemetry": map[string]any{
		"logs": map[string]any{"level": "info", "encoding": "json"},
	}}
	all := map[string]any{"receivers": map[string]any{"mlflow": receiver}, "service": service}
	if r.lists() { // the exporter of the configuration would make a file
		all["exporters"] = map[string]any{"nop": nil}
		service["pipelines"] = map[string]any{"traces": map[string]any{"exporters": []string{"nop"}}}
	}
	body, err := json.Marshal(all)
	if err != nil {
		panic(err) // maps of strings
	}
	text := strings.ReplaceAll(string(body), "$", "$$")
	return strings.ReplaceAll(text, "$${env:OTELCOL_MLFLOW_AUTHORIZATION}", "${env:OTELCOL_MLFLOW_AUTHORIZATION}")
}

// environment is that of the collector: environ without what make and the user's shell say about MLflow and the
// configuration, and with what the request says.
func (r *request) environment(environ []string) []string {
	var env []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		ours := strings.HasPrefix(name, "RUN_") || strings.HasPrefix(name, "OTELCOL_MLFLOW_")
		if !ours && !strings.HasPrefix(name, "MLFLOW_") && !strings.HasPrefix(name, "MAKE") && name != "MFLAGS" {
			env = append(env, e)
		}
	}
	set := map[string]string{
		"SOURCE": r.source, "ENDPOINT": r.endpoint, "AUTHORIZATION": r.authorization, "OUT": r.folder(),
	}
	if r.lists() {
		set["MODE"] = "check"
	}
	for name, value := range set {
		if value != "" {
			env = append(env, "OTELCOL_MLFLOW_"+name+"="+value)
		}
	}
	return env
}

// follow copies the log of the collector to a file and shows what a user waits for. It returns the last error that is
// not a record of the log; that is the reason why a collector did not start.
func follow(stderr io.Reader, log io.Writer, s *shown) (said string) {
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			_, _ = io.WriteString(log, line) // a full disk is told by the collector, which writes more
		}
		var record record
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &record) == nil {
			s.record(&record)
		} else if text, ok := strings.CutPrefix(line, "Error: "); ok {
			said = strings.TrimSpace(text)
		}
		if err != nil {
			return said
		}
	}
}

// record is what is read of a record of the collector's log.
type record struct {
	Message string  `json:"msg"`
	Traces  int64   `json:"traces"`
	Of      int64   `json:"of"`
	Percent int64   `json:"percent"`
	Spans   int64   `json:"spans"`
	Rate    float64 `json:"traces_per_second"`
	Left    float64 `json:"left"` // seconds
}

// shown writes what is worth a line while the collector runs.
type shown struct {
	out              io.Writer
	source, endpoint string
	waiting          string // the last line about an outage
}

func (s *shown) record(r *record) {
	switch r.Message {
	case "Progress":
		line := fmt.Sprintf("%d traces", r.Traces)
		if r.Of > 0 {
			line = fmt.Sprintf("%d of %d traces (%d%%)", r.Traces, r.Of, r.Percent)
		}
		line += fmt.Sprintf(", %d spans, %.0f traces/s", r.Spans, r.Rate)
		if left := time.Duration(r.Left * float64(time.Second)).Round(time.Second); left > 0 {
			line += fmt.Sprintf(", %s left", left)
		}
		fmt.Fprintln(s.out, line)
	case "Request to MLflow failed, trying again":
		s.wait(fmt.Sprintf("waiting for %s up to %s", s.source, strings.Replace(patience, "s", " s", 1)))
	case "Exporting failed. Will retry the request after interval.":
		s.wait(fmt.Sprintf("waiting for %s; Ctrl-C stops, and running again continues", s.endpoint))
	}
}

// wait writes a line about an outage once.
func (s *shown) wait(line string) {
	if s.waiting != line {
		s.waiting = line
		fmt.Fprintln(s.out, line)
	}
}
