// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksauthextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.uber.org/zap"
	"google.golang.org/grpc/credentials"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/httpcheck"
)

// authenticator is the extension. Stock components use it by their auth::authenticator; ours find
// its session with signin.Lookup.
type authenticator struct {
	cfg     *Config
	log     *zap.Logger
	version string

	session   *signin.Session
	transport *http.Transport
}

var (
	_ extension.Extension      = (*authenticator)(nil)
	_ extensionauth.HTTPClient = (*authenticator)(nil)
	_ extensionauth.GRPCClient = (*authenticator)(nil)
	_ signin.Provider          = (*authenticator)(nil)
)

func newAuthenticator(set extension.Settings, cfg *Config) *authenticator {
	return &authenticator{cfg: cfg, log: set.Logger, version: set.BuildInfo.Version}
}

// Start reads what the configuration names on this machine: a profile, an environment variable. The
// network is not asked, so a workspace that is down never fails the start.
func (a *authenticator) Start(ctx context.Context, _ component.Host) error {
	transport, err := a.newTransport(ctx)
	if err != nil {
		return err
	}
	session, err := signin.New(signin.Config(a.cfg.SignIn), signin.Settings{Transport: transport, Logger: a.log,
		Timeout: a.cfg.Timeout, Version: a.version})
	if err != nil {
		return err
	}
	a.transport, a.session = transport, session
	a.log.Info("Signs requests to Databricks", zap.String("host", session.Host()),
		zap.String("auth_type", session.AuthType()), zap.String("as", session.Identity()))
	return nil
}

// newTransport is what token requests go through.
func (a *authenticator) newTransport(ctx context.Context) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	tls, err := a.cfg.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	if tls != nil {
		transport.TLSClientConfig = tls
	}
	proxy, err := httpcheck.Proxy(string(a.cfg.ProxyURL))
	if err != nil {
		return nil, err
	}
	if proxy != nil {
		transport.Proxy = http.ProxyURL(proxy)
	}
	return transport, nil
}

// Shutdown ends sign-ins in flight. It may be called without Start, and twice.
func (a *authenticator) Shutdown(context.Context) error {
	if a.session != nil {
		a.session.Close()
		a.transport.CloseIdleConnections()
	}
	return nil
}

// Session implements signin.Provider.
func (a *authenticator) Session() *signin.Session { return a.session }

var errNotStarted = errors.New("databricks_auth has not started; list it under service::extensions")

// RoundTripper implements extensionauth.HTTPClient.
func (a *authenticator) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	if a.session == nil {
		return nil, errNotStarted
	}
	return a.session.RoundTripper(base), nil
}

// PerRPCCredentials implements extensionauth.GRPCClient.
func (a *authenticator) PerRPCCredentials() (credentials.PerRPCCredentials, error) {
	if a.session == nil {
		return nil, errNotStarted
	}
	return a.session.PerRPCCredentials(), nil
}
