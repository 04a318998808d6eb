// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksauthextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/configkeys"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
)

// Config is what a user writes under extensions::databricks_auth.
type Config struct {
	// SignIn says which workspace, and which credential.
	SignIn keys `mapstructure:",squash"`
	// Timeout is how long a request waits for a sign-in.
	Timeout time.Duration `mapstructure:"timeout"`
	// TLS and ProxyURL are for token requests only; the requests that are signed go as their
	// component says. The proxy's address may hold a password.
	TLS      configtls.ClientConfig `mapstructure:"tls"`
	ProxyURL configopaque.String    `mapstructure:"proxy_url"`

	empty configkeys.Empty // to explain what Validate finds
}

// keys are those of signin.Config without its Validate: the collector would call it too, and name
// the Go field of a squashed struct in the error, which is no key.
type keys signin.Config

func createDefaultConfig() component.Config { return &Config{Timeout: 15 * time.Second} }

// meant are names that people know from elsewhere.
var meant = map[string]string{
	"endpoint": "host", "url": "host", "workspace": "host", "workspace_url": "host", "secret": "client_secret",
	"access_token": "token", "bearer_token": "token",
}

// Unmarshal implements confmap.Unmarshaler.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	c.empty = configkeys.EmptyKeys(conf)
	return c.empty.Explain(configkeys.Unmarshal(conf, c, meant))
}

// Validate implements confmap.Validator.
func (c *Config) Validate() error {
	var errs []error
	where := signin.Config(c.SignIn)
	if err := where.Validate(); err != nil {
		errs = append(errs, err)
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %s is no time that a request can wait for a sign-in; write 15s",
			c.Timeout))
	}
	if c.TLS.Insecure {
		errs = append(errs,
			errors.New("tls::insecure: token requests are always sent over TLS, except to http:// hosts on "+
				"loopback; remove it "+
				"(insecure_skip_verify is another key)"))
	}
	_, err := httpcheck.Proxy(string(c.ProxyURL))
	return c.empty.Explain(errors.Join(append(errs, err, httpcheck.TLS(&c.TLS))...))
}
