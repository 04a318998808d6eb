// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"net/http"
	"regexp"
	"sync"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/config/credentials"
	"github.com/databricks/databricks-sdk-go/useragent"
)

// clientConfig makes a configuration for the SDK's API clients that holds no credential: the
// transport signs.
func (s *Session) clientConfig() *config.Config {
	sdk := &config.Config{
		Host: s.Host(), Credentials: signed{s.authType}, HTTPTransport: s.RoundTripper(s.transport),
		// Statements are waited for up to 50 s, so a request may take that long; a workspace that
		// can't be reached fails sooner.
		HTTPTimeoutSeconds: 60, RetryTimeoutSeconds: 15,
	}
	isolate(sdk)
	return sdk
}

// signed is the credentials strategy of clients whose transport signs.
type signed struct{ name string }

// Name implements config.CredentialsStrategy; the SDK writes it into the user agent.
func (c signed) Name() string { return c.name }

// Configure implements config.CredentialsStrategy.
func (signed) Configure(context.Context, *config.Config) (credentials.CredentialsProvider, error) {
	return credentials.CredentialsProviderFn(func(*http.Request) error { return nil }), nil
}

// product is the name that Databricks sees in the user agent.
const product = "otelcol-mlflow"

var (
	productOnce sync.Once
	semver      = regexp.MustCompile(`^v?(\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)$`)
)

// setProduct names the product to the SDK, which keeps it for the whole process and panics when a
// version is none.
func setProduct(version string) {
	productOnce.Do(func() {
		number := "0.0.0"
		if m := semver.FindStringSubmatch(version); m != nil {
			number = m[1]
		}
		useragent.WithProduct(product, number)
	})
}
