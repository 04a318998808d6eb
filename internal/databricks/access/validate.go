// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
)

// Validate returns what is wrong with what a user wrote of the settings. Every error names the key and the remedy.
func (s *Settings) Validate() error {
	var errs []error
	if s.Auth.Authenticator != nil {
		if !reflect.ValueOf(s.Auth.Credentials).IsZero() || s.Profile != "" {
			errs = append(errs,
				fmt.Errorf("auth::authenticator: %s signs the requests; write credentials and profile there, "+
					"not here", s.Auth.Authenticator))
		}
		if s.Host == "" {
			errs = append(errs,
				errors.New("host: required; write the workspace's address (https://….cloud.databricks.com), "+
					"the same that the authenticator signs for"))
		} else if _, err := signin.ParseHost(s.Host); err != nil {
			errs = append(errs, fmt.Errorf("host: %w", err))
		}
	} else if err := (&signin.Config{Host: s.Host, Profile: s.Profile,
		Credentials: s.Auth.Credentials}).Validate(); err != nil {
		errs = append(errs, err)
	}
	if s.HTTP.Auth.HasValue() {
		errs = append(errs, errors.New("http::auth: write auth::authenticator instead"))
	}
	if s.HTTP.Endpoint != "" {
		errs = append(errs, errors.New("http::endpoint: write the workspace's address into host instead"))
	}
	if err := httpcheck.Client(&s.HTTP); err != nil {
		errs = append(errs, fmt.Errorf("http::%w", err))
	}
	return errors.Join(errs...)
}
