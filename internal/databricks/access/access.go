// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package access takes the configuration of a component and connects it to a workspace. It returns
// an Access: the HTTP client that signs requests, the identity it signs in with, and the API
// clients on top of it.
package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// Auth is the group `auth` of a component: credentials, or an extension that signs.
type Auth struct {
	// Authenticator names an extension that signs requests, such as databricks_auth; it stands
	// alone.
	Authenticator *component.ID `mapstructure:"authenticator"`
	// Credentials are those of Databricks unified authentication.
	Credentials signin.Credentials `mapstructure:",squash"`
}

// Settings is what an access is opened with. They were validated.
type Settings struct {
	// Host is the workspace's address. With a profile it may be empty.
	Host, Profile string
	Auth          Auth
	HTTP          confighttp.ClientConfig // its endpoint is not used
	Telemetry     component.TelemetrySettings
	Version       string // of the product
	// Sleep waits between two looks at a statement; nil means real time.
	Sleep func(ctx context.Context, d time.Duration) error
	// RequestsPerSecond limits the requests of the API client; 0 means 50.
	RequestsPerSecond int
}

// requestsPerSecond is more than the SDK's 15: looking at a table takes ten requests, and there may
// be many tables.
const requestsPerSecond = 50

// Access is the way to a workspace.
type Access struct {
	// Host is the address, without a slash at the end.
	Host string
	// SignedInAs names the method of signing in and the identity, for messages.
	// Principal is that identity as GRANT statements name it; it is empty where that is not known.
	SignedInAs, Principal string
	// Client signs, and follows no redirects. Agent is how it names the program.
	Client *http.Client
	Agent  string
	API    *databricks.Client

	session *signin.Session // nil with an authenticator
}

// Open makes the access without asking the workspace.
func Open(ctx context.Context, s Settings, host component.Host) (*Access, error) {
	a := &Access{Agent: "otelcol-mlflow/" + s.Version}
	settings := s.HTTP
	if id := s.Auth.Authenticator; id != nil {
		settings.Auth = configoptional.Some(configauth.Config{AuthenticatorID: *id})
		u, err := signin.ParseHost(s.Host)
		if err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
		a.Host, a.SignedInAs = u.String(), "extension "+id.String()
	} else if err := a.signIn(ctx, s); err != nil {
		return nil, err
	}
	client, err := settings.ToClient(ctx, host.GetExtensions(), s.Telemetry)
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("http: %w", err)
	}
	if a.session != nil {
		client.Transport = a.session.RoundTripper(client.Transport)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.Client = client
	set := databricks.Settings{
		Timeout: s.HTTP.Timeout, RequestsPerSecond: s.RequestsPerSecond, UserAgent: a.Agent, Sleep: s.Sleep,
	}
	if set.RequestsPerSecond == 0 {
		set.RequestsPerSecond = requestsPerSecond
	}
	if a.API, err = databricks.New(a.Host, client, set); err != nil {
		a.Close()
		return nil, fmt.Errorf("host: %w", err)
	}
	return a, nil
}

// signIn opens a session of the access's own. Tokens are asked for by the same proxy and with the
// same certificates, but other hosts may give them: they get no headers of ours.
func (a *Access) signIn(ctx context.Context, s Settings) error {
	plain := s.HTTP
	plain.Headers, plain.Compression, plain.Middlewares = nil, "", nil
	tokens, err := plain.ToClient(ctx, nil, s.Telemetry)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	session, err := signin.New(signin.Config{Host: s.Host, Profile: s.Profile, Credentials: s.Auth.Credentials},
		signin.Settings{Transport: tokens.Transport, Logger: s.Telemetry.Logger, Version: s.Version})
	if err != nil {
		return err
	}
	a.session, a.Host = session, session.Host()
	a.SignedInAs = strings.TrimSpace(session.AuthType() + " " + session.Identity())
	if key, id, ok := strings.Cut(session.Identity(), " "); ok && strings.HasSuffix(key, "client_id") {
		a.Principal = id
	}
	return nil
}

// Close ends the session and idle connections.
func (a *Access) Close() {
	if a.session != nil {
		a.session.Close()
	}
	if a.Client != nil {
		a.Client.CloseIdleConnections()
	}
}
