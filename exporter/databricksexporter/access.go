package databricksexporter

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// access is the way to the workspace.
type access struct {
	host   string       // address, without a slash at the end
	who    string       // for people
	client *http.Client // signs, and follows no redirects
	api    *databricks.Client
	agent  string
	// principal is who signs in, as GRANT statements name it; empty when nobody told.
	principal string
	session   *signin.Session // of this exporter; nil with an authenticator
}

// open makes the access without asking the workspace.
func open(ctx context.Context, cfg *Config, set exporter.Settings, host component.Host) (*access, error) {
	a := &access{agent: "otelcol-mlflow/" + set.BuildInfo.Version}
	settings := cfg.HTTP
	if id := cfg.Auth.Authenticator; id != nil {
		settings.Auth = configoptional.Some(configauth.Config{AuthenticatorID: *id})
		u, err := signin.ParseHost(cfg.Host)
		if err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
		a.host, a.who = u.String(), "extension "+id.String()
	} else {
		// Tokens are asked for by the same proxy and with the same certificates, but other hosts may give them: they get no headers of ours.
		plain := cfg.HTTP
		plain.Headers, plain.Compression, plain.Middlewares = nil, "", nil
		tokens, err := plain.ToClient(ctx, nil, set.TelemetrySettings)
		if err != nil {
			return nil, fmt.Errorf("http: %w", err)
		}
		s, err := signin.New(*cfg.signIn(), signin.Settings{Transport: tokens.Transport, Logger: set.Logger, Version: set.BuildInfo.Version})
		if err != nil {
			return nil, err
		}
		a.session, a.host, a.who = s, s.Host(), strings.TrimSpace(s.AuthType()+" "+s.Identity())
		if key, id, ok := strings.Cut(s.Identity(), " "); ok && strings.HasSuffix(key, "client_id") {
			a.principal = id
		}
	}
	client, err := settings.ToClient(ctx, host.GetExtensions(), set.TelemetrySettings)
	if err != nil {
		a.close()
		return nil, fmt.Errorf("http: %w", err)
	}
	if a.session != nil {
		client.Transport = a.session.RoundTripper(client.Transport)
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.client = client
	if a.api, err = databricks.New(a.host, client, databricks.Settings{Timeout: cfg.HTTP.Timeout, UserAgent: a.agent}); err != nil {
		a.close()
		return nil, fmt.Errorf("host: %w", err)
	}
	return a, nil
}

func (a *access) close() {
	if a.session != nil {
		a.session.Close()
	}
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
}
