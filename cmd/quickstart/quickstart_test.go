// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made is the environment that make prepares for variables that are written as NAME=value.
func made(variables ...string) []string {
	var names, env []string
	for _, v := range variables {
		name, _, _ := strings.Cut(v, "=")
		names, env = append(names, name), append(env, "RUN_"+v)
	}
	return append(env, "RUN_WRITTEN="+strings.Join(names, " "),
		// what a shell may hold has no effect
		"MLFLOW_TRACKING_URI=http://ambient", "MLFLOW_TRACKING_TOKEN=ambient", "EXPERIMENT=ambient",
		"CREDENTIALS=ambient")
}

const server = "MLFLOW_TRACKING_URI=https://mlflow.example.com/prefix"

func TestRead(t *testing.T) {
	for name, tc := range map[string]struct {
		variables []string
		want      request
	}{
		"sample": {nil, request{}},
		"server": {[]string{server, "GOFLAGS=-v", "FRESH=0"}, request{source: "https://mlflow.example.com/prefix"}},
		"experiments": {[]string{"EXPERIMENT=1, support-*,a b", "FRESH=1"},
			request{experiments: []string{"1", "support-*", "a b"}, fresh: true}},
		"password": {[]string{server, "MLFLOW_TRACKING_USERNAME=me", "MLFLOW_TRACKING_PASSWORD=a:b"},
			request{source: "https://mlflow.example.com/prefix", authorization: "Basic bWU6YTpi"}},
		"token": {[]string{server, "MLFLOW_TRACKING_TOKEN=t"},
			request{source: "https://mlflow.example.com/prefix", authorization: "Bearer t"}},
		"endpoint": {[]string{"ENDPOINT=http://localhost:4318"}, request{endpoint: "http://localhost:4318"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(made(tc.variables...))
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, tc := range []struct {
		want      string
		variables []string
	}{
		{"TRACKING_URI is not known; did you mean MLFLOW_TRACKING_URI?", []string{"TRACKING_URI=http://h"}},
		{"EXPERIMENTS is not known; did you mean EXPERIMENT?", []string{"EXPERIMENTS=1"}},
		{"COLOUR is not known; there are MLFLOW_TRACKING_URI", []string{"COLOUR=red"}},
		{"MLFLOW_TRACKING_URI is empty", []string{"MLFLOW_TRACKING_URI="}},
		{"EXPERIMENT=a,,b has an empty entry", []string{"EXPERIMENT=a,,b"}},
		{"FRESH is neither 1 nor 0", []string{"FRESH=maybe"}},
		{"MLFLOW_TRACKING_URI holds a user name", []string{"MLFLOW_TRACKING_URI=http://me:secret@h"}},
		{"ENDPOINT is no address of a backend", []string{"ENDPOINT=localhost:4318"}},
		{"ENDPOINT needs EXPERIMENT", []string{server, "ENDPOINT=http://h"}},
		{"one of them is missing", []string{server, "MLFLOW_TRACKING_PASSWORD=secret"}},
		{"credentials are for a server", []string{"MLFLOW_TRACKING_TOKEN=secret"}},
		{"holds a colon", []string{server, "MLFLOW_TRACKING_USERNAME=a:secret", "MLFLOW_TRACKING_PASSWORD=secret"}},
		{"control character", []string{server, "MLFLOW_TRACKING_TOKEN=secret\n"}},
		{"not both", []string{server, "MLFLOW_TRACKING_TOKEN=secret", "CREDENTIALS=x"}},
		{"CREDENTIALS: open nowhere: no such file", []string{server, "CREDENTIALS=nowhere"}},
	} {
		_, err := read(made(tc.variables...))
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestCredentials(t *testing.T) {
	write := func(mode os.FileMode, text string) string {
		path := filepath.Join(t.TempDir(), "credentials")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	for text, want := range map[string]credentials{
		"MLFLOW_TRACKING_USERNAME=me\nMLFLOW_TRACKING_PASSWORD= a=b \n":                        {"me", "a=b", ""},
		"[mlflow]\nmlflow_tracking_username = me\r\nmlflow_tracking_password = p\n":            {"me", "p", ""},
		"# a comment\n\nexport MLFLOW_TRACKING_TOKEN='t'":                                      {"", "", "t"},
		"MLFLOW_TRACKING_USERNAME=\"a b\"\nMLFLOW_TRACKING_PASSWORD='\nMLFLOW_TRACKING_TOKEN=": {"a b", "'", ""},
	} {
		got, err := readCredentials(write(0o600, text))
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for text, want := range map[string]string{"password\n": ":1: the line is", "\nPASSWORD=secret": ":2: the name"} {
		_, err := readCredentials(write(0o400, text))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	path := write(0o640, "MLFLOW_TRACKING_TOKEN=t")
	_, err := readCredentials(path)
	require.EqualError(t, err, "others may read "+path+"; run chmod 600 "+path)
	_, err = readCredentials(t.TempDir())
	require.ErrorContains(t, err, "is not a file")
}

// Requests that differ have folders that differ, inside of out.
func TestFolders(t *testing.T) {
	require.Equal(t, "out/sample", (&request{}).folder())
	require.Equal(t, "out/localhost_5000/support-bot",
		(&request{source: "http://localhost:5000/", experiments: []string{"support-bot"}}).folder())
	seen := map[string]request{}
	for _, r := range []request{
		{source: "http://h/a"}, {source: "http://h/a_"}, {source: "sqlite:///a.db"}, {source: "sqlite:////a.db"},
		{experiments: []string{"*"}}, {experiments: []string{"all"}}, {experiments: []string{".."}},
		{experiments: []string{"a", "b"}}, {experiments: []string{"a,b "}}, {experiments: []string{"a b"}},
		{experiments: []string{"ü"}}, {experiments: []string{strings.Repeat("x", 300)}},
		{experiments: []string{strings.Repeat("x", 301)}}, {experiments: []string{"../../etc"}},
		{endpoint: "http://localhost:4318"}, {experiments: []string{"position"}, endpoint: "http://h/v1"},
		{source: "sqlite:////a@b/c.db"}, {source: "sqlite:////d@b/c.db"},
	} {
		folder := r.folder()
		if other, twice := seen[folder]; twice {
			t.Errorf("%v and %v share %s", r, other, folder)
		}
		seen[folder] = r
		require.True(t, filepath.IsLocal(folder), folder)
		require.Equal(t, "out", strings.Split(folder, string(filepath.Separator))[0], folder)
	}
}

// FRESH removes what runs left, and nothing else.
func TestRemoveResults(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"position/receiver", "traces.jsonl", "traces-2026.jsonl", "report.json",
		"skipped.jsonl", "collector.log", "notes.txt", "other/traces.jsonl"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, removeResults(dir))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "notes.txt"), filepath.Join(dir, "other")}, left)
	require.FileExists(t, filepath.Join(dir, "other", "traces.jsonl"))
}

// The collector sees the request, and nothing that the shell says about MLflow or that make keeps.
func TestEnvironment(t *testing.T) {
	r := request{source: "http://h", experiments: []string{"a$b"}, authorization: "Bearer t"}
	env := r.environment([]string{"HOME=/home/me", "HTTPS_PROXY=http://p", "MLFLOW_TRACKING_TOKEN=x",
		"OTELCOL_MLFLOW_MODE=check", "MAKEFLAGS= -- MLFLOW_TRACKING_TOKEN=t", "RUN_MLFLOW_TRACKING_TOKEN=t"})
	slices.Sort(env)
	require.Equal(t, []string{"HOME=/home/me", "HTTPS_PROXY=http://p", "OTELCOL_MLFLOW_AUTHORIZATION=Bearer t",
		"OTELCOL_MLFLOW_OUT=" + r.folder(), "OTELCOL_MLFLOW_SOURCE=http://h"}, env)
	arguments := strings.Join(r.arguments(), " ")
	require.NotContains(t, arguments, "Bearer")
	require.Contains(t, arguments, `["a$$b"]`)
	require.Contains(t, arguments, `"${env:OTELCOL_MLFLOW_AUTHORIZATION}"`)
	require.NotContains(t, arguments, "prices")
	require.Contains(t, strings.Join((&request{}).arguments(), " "), examplePrices)
}

func TestFollow(t *testing.T) {
	var log, out strings.Builder
	said := follow(strings.NewReader(`{"msg":"Request to MLflow failed, trying again","wait":1}
{"msg":"Request to MLflow failed, trying again","wait":2}
{"msg":"Progress","traces":12,"of":48,"percent":25,"spans":40,"traces_per_second":1.2,"left":30.2}
{"msg":"Progress","traces":1,"spans":4,"traces_per_second":1}
not a record
Error: invalid configuration: receivers::mlflow: tracking_uri: no
`), &log, &shown{out: &out, source: "http://h"})
	assert.Equal(t, `waiting for http://h up to 30 s
12 of 48 traces (25%), 40 spans, 1 traces/s, 30s left
1 traces, 4 spans, 1 traces/s
`, out.String())
	assert.Equal(t, "MLFLOW_TRACKING_URI: no", plainly(said))
	assert.Equal(t, 6, strings.Count(log.String(), "\n"))
}

func TestAfter(t *testing.T) {
	after := func(r request, o outcome) string {
		var b strings.Builder
		r.after(&b, o)
		return b.String()
	}
	secret := request{source: "http://h", experiments: []string{"it's"}, authorization: "Basic c2VjcmV0"}
	done := after(secret, outcome{report: &report{}})
	assert.Contains(t, done, `make run MLFLOW_TRACKING_URI=http://h EXPERIMENT='it'\''s' CREDENTIALS=FILE ENDPOINT=`)
	assert.NotContains(t, done, "c2VjcmV0")
	assert.NotContains(t, done, "prices")
	database := request{source: "postgresql://me:p@ss/word@db:5432/mlflow", experiments: []string{"1"}}
	shown := after(database, outcome{report: &report{}}) + database.folder() + database.place()
	assert.Contains(t, shown, "MLFLOW_TRACKING_URI=… EXPERIMENT=1 FRESH=1")
	assert.NotContains(t, shown, "word")
	unpriced := &report{}
	unpriced.Refinements = append(unpriced.Refinements, refinement{ModelCalls: 3})
	assert.Contains(t, after(secret, outcome{report: unpriced}), ownPrices)
	assert.Contains(t, after(secret, outcome{status: 1, said: "no"}), "not started: no\n")
	assert.Empty(t, after(secret, outcome{status: 1, report: &report{Headline: "stopped after 1 of 2 traces"}}))
	denied := outcome{status: 1, report: &report{Headline: "not complete: no (status 401)"}}
	assert.NotContains(t, after(secret, denied), "CREDENTIALS")
	assert.Contains(t, after(request{source: "http://h"}, denied), "CREDENTIALS")
	assert.Contains(t, after(request{source: "http://h"}, outcome{report: &report{}}), "EXPERIMENT=name")
}
