// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/access"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
)

// textRoutes rewrites, in place, numbers and truth values in routes as the text that users mean.
func textRoutes(conf *confmap.Conf) error {
	list, ok := conf.Get("routes").([]any)
	if !ok {
		return nil
	}
	out := make([]any, len(list))
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("routes[%d]: write a map, e.g. {experiment: \"support-*\", table_prefix: support}", i)
		}
		clean := map[string]any{}
		for k, v := range m {
			switch v.(type) {
			case int, int64, uint64, float64, bool:
				v = fmt.Sprint(v)
			}
			clean[k] = v
		}
		out[i] = clean
	}
	return conf.Merge(confmap.NewFromStringMap(map[string]any{"routes": out}))
}

// Validate implements confmap.Validator. Every error names the key, the value and the remedy.
func (c *Config) Validate() error {
	return c.empty.Explain(errors.Join(c.validateAccess(), c.validateTables(), c.validateDelivery()))
}

func (c *Config) validateAccess() error {
	var errs []error
	if c.Auth.Authenticator != nil {
		if written := c.Auth.Credentials; !isZero(written) || c.Profile != "" {
			errs = append(
				errs,
				fmt.Errorf(
					"auth::authenticator: %s signs the requests; write credentials and profile there, not here",
					c.Auth.Authenticator,
				),
			)
		}
		if c.Host == "" {
			errs = append(
				errs,
				errors.New(
					"host: required; write the workspace's address (https://….cloud.databricks.com), the same that "+
						"the authenticator signs for",
				),
			)
		} else if _, err := signin.ParseHost(c.Host); err != nil {
			errs = append(errs, fmt.Errorf("host: %w", err))
		}
		if c.HTTP.Auth.HasValue() {
			errs = append(errs, errors.New("http::auth: auth::authenticator is written too; write one of them"))
		}
	} else {
		session := &signin.Config{Host: c.Host, Profile: c.Profile, Credentials: c.Auth.Credentials}
		switch {
		case c.HTTP.Auth.HasValue():
			errs = append(errs, errors.New("http::auth: write auth: {authenticator: …} beside host instead"))
		default:
			if err := session.Validate(); err != nil {
				errs = append(errs, beside(err))
			}
		}
	}
	if c.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("http::endpoint: must stay empty; write the address in host"))
	}
	if err := httpcheck.Client(&c.HTTP); err != nil {
		errs = append(errs, fmt.Errorf("http::%w", err))
	}
	for name := range c.HTTP.Headers.Iter {
		if strings.EqualFold(name, c.TableHeader) {
			errs = append(
				errs,
				fmt.Errorf("http::headers: %s names the table of each request and is written by the exporter", name),
			)
		}
	}
	if p := c.PathPrefix; !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#@ ") {
		errs = append(errs, fmt.Errorf("path_prefix: %q is no path; write /api/2.0/otel/v1", p))
	}
	if !header.MatchString(c.TableHeader) {
		errs = append(
			errs,
			fmt.Errorf("table_header: %q is no name of a header; write X-Databricks-UC-Table-Name", c.TableHeader),
		)
	}
	return errors.Join(errs...)
}

// beside puts the key of the group in front of errors about credentials; host and profile stand
// beside it.
func beside(err error) error {
	for _, key := range []string{"host:", "profile:"} {
		if strings.HasPrefix(err.Error(), key) {
			return err
		}
	}
	return fmt.Errorf("auth::%w", err)
}

var header = regexp.MustCompile(`^[A-Za-z0-9-]{1,128}$`)

func isZero(c signin.Credentials) bool { return reflect.DeepEqual(c, signin.Credentials{}) }

func (c *Config) validateTables() error {
	n, err := c.Routing.Check()
	errs := []error{err}
	switch {
	case c.MaxDestinations < 1 || c.MaxDestinations > 1000:
		errs = append(errs, fmt.Errorf("max_destinations: %d is not between 1 and 1000", c.MaxDestinations))
	case n > c.MaxDestinations:
		errs = append(errs, fmt.Errorf("max_destinations: the routes name %d tables, %d are allowed; "+
			"raise it, and max_memory_mib, which they share", n, c.MaxDestinations))
	case err == nil && (c.MaxMemoryMiB < n || c.MaxMemoryMiB > 1<<20):
		errs = append(errs, fmt.Errorf("max_memory_mib: %d is not between %d, a MiB for each destination, and %d",
			c.MaxMemoryMiB, n, 1<<20))
	}
	return errors.Join(errs...)
}

func (c *Config) validateDelivery() error {
	var errs []error
	if !(c.TracesPerSecond >= 0) { // also true for NaN
		errs = append(errs, fmt.Errorf("traces_per_second: %v is not a number from 0 on; 0 means no bound",
			c.TracesPerSecond))
	}
	switch {
	case c.HoldMax < 0:
		errs = append(errs, fmt.Errorf("hold_max: %s is negative; 0 holds for ever", c.HoldMax))
	case c.HoldMax > 0 && c.DeadLetter == "":
		errs = append(
			errs,
			errors.New(
				"hold_max: what is held for too long needs a place to go; write dead_letter, or leave hold_max away "+
					"to hold for ever",
			),
		)
	}
	if c.DeadLetter != "" && strings.HasSuffix(c.DeadLetter, string(filepath.Separator)) {
		errs = append(errs, fmt.Errorf("dead_letter: %q is a directory; write the path of a file", c.DeadLetter))
	}
	if q := c.Queue.Get(); q != nil && q.StorageID != nil && !c.Retry.Enabled {
		errs = append(
			errs,
			errors.New(
				"retry_on_failure::enabled: false would lose what is on disk: a queue with storage deletes what "+
					"fails during a shutdown, unless it is tried again",
			),
		)
	}
	return errors.Join(errs...)
}

// access is what the way to the workspace is opened with.
func (c *Config) access(set exporter.Settings) access.Settings {
	return access.Settings{
		Host:      c.Host,
		Profile:   c.Profile,
		Auth:      c.Auth,
		HTTP:      c.HTTP,
		Telemetry: set.TelemetrySettings,
		Version:   set.BuildInfo.Version,
	}
}
