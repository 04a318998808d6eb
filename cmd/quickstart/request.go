// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/similar"
)

// The variables of make run.
const (
	source     = "MLFLOW_TRACKING_URI"
	experiment = "EXPERIMENT"
	endpoint   = "ENDPOINT"
	fresh      = "FRESH"
	file       = "CREDENTIALS"
	username   = "MLFLOW_TRACKING_USERNAME"
	password   = "MLFLOW_TRACKING_PASSWORD"
	token      = "MLFLOW_TRACKING_TOKEN"
)

var known = []string{source, experiment, endpoint, fresh, file, username, password, token}

// request is what a user asks for.
type request struct {
	source        string   // tracking URI; empty: the sample store
	experiments   []string // ids, names and globs; none: list them, or all of the sample store
	endpoint      string   // of an OTLP backend; empty: write a file
	fresh         bool     // start over
	authorization string   // value of the header; empty: none
}

// lists reports whether the experiments are listed and nothing is delivered.
func (r *request) lists() bool { return r.source != "" && len(r.experiments) == 0 }

// place is the source as it may be shown: without user name and password, which the address of a database may hold.
// The address of a SQLite store is a path.
func (r *request) place() string {
	scheme, rest, ok := strings.Cut(r.source, "://")
	if !ok || strings.HasPrefix(scheme, "sqlite") {
		return r.source
	}
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}

// read returns the request of an environment that make prepared.
func read(environ []string) (request, error) {
	values, err := written(environ)
	if err != nil {
		return request{}, err
	}
	r := request{source: values[source], endpoint: values[endpoint]}
	if r.fresh, err = yes(fresh, values[fresh]); err != nil {
		return request{}, err
	}
	if list, ok := values[experiment]; ok {
		for e := range strings.SplitSeq(list, ",") {
			if e = strings.TrimSpace(e); e == "" {
				return request{}, fmt.Errorf("%s=%s has an empty entry", experiment, list)
			}
			r.experiments = append(r.experiments, e)
		}
	}
	if scheme, _, _ := strings.Cut(r.source, "://"); strings.HasPrefix(scheme, "http") && r.place() != r.source {
		return request{}, fmt.Errorf("%s holds a user name; write %s and %s, or %s", source, username, password, file)
	}
	if err := r.checkEndpoint(); err != nil {
		return request{}, err
	}
	r.authorization, err = r.sign(values)
	return r, err
}

// checkEndpoint refuses what the exporter would refuse with an error of its own.
func (r *request) checkEndpoint() error {
	if r.endpoint == "" {
		return nil
	}
	if u, err := url.Parse(r.endpoint); err != nil || u.Host == "" || u.User != nil ||
		u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is no address of a backend; write %s=http://localhost:4318", endpoint, endpoint)
	}
	if r.lists() {
		return fmt.Errorf("%s needs %s; leave %s out to see the list of experiments", endpoint, experiment, endpoint)
	}
	return nil
}

// sign returns the Authorization header for the credentials that are written.
func (r *request) sign(values map[string]string) (string, error) {
	c := credentials{values[username], values[password], values[token]}
	given := c != credentials{}
	if path := values[file]; path != "" {
		if given {
			return "", fmt.Errorf("write %s, or the credentials themselves, not both", file)
		}
		given = true
		var err error
		if c, err = readCredentials(path); err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
	}
	if !given {
		return "", nil
	}
	if scheme, _, _ := strings.Cut(r.source, "://"); scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("credentials are for a server; write %s=http://… or https://…", source)
	}
	return c.header()
}

// written returns the values of the variables that are written on make's command line.
func written(environ []string) (map[string]string, error) {
	env := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	values := map[string]string{}
	for name := range strings.FieldsSeq(env["RUN_WRITTEN"]) {
		switch {
		case strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "MAKE"):
			// for the build
		case !slices.Contains(known, name):
			return nil, unknown(name)
		case env["RUN_"+name] == "" && name != fresh:
			return nil, fmt.Errorf("%s is empty", name)
		default:
			values[name] = env["RUN_"+name]
		}
	}
	return values, nil
}

// unknown is the error for a variable that nothing reads.
func unknown(name string) error {
	for _, k := range known {
		if similar.Names(name, k) {
			return fmt.Errorf("%s is not known; did you mean %s?", name, k)
		}
	}
	return fmt.Errorf("%s is not known; there are %s", name, strings.Join(known, ", "))
}

func yes(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "", "0", "no", "false":
		return false, nil
	case "1", "yes", "true":
		return true, nil
	}
	return false, errors.New(name + " is neither 1 nor 0")
}
