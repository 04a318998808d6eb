package databrickssetupextension

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// access is the way to the workspace.
type access struct {
	api     *databricks.Client
	http    *http.Client
	session *signin.Session // nil with an authenticator
}

// open makes the access without asking the workspace.
func open(ctx context.Context, cfg *Config, set extension.Settings, host component.Host, sleep func(context.Context, time.Duration) error) (*access, error) {
	a, address := &access{}, ""
	settings := cfg.HTTP
	if id := cfg.Auth.Authenticator; id != nil {
		settings.Auth = configoptional.Some(configauth.Config{AuthenticatorID: *id})
		u, err := signin.ParseHost(cfg.Host)
		if err != nil {
			return nil, fmt.Errorf("host: %w", err)
		}
		address = u.String()
	} else {
		s, err := signin.New(*cfg.signIn(), signin.Settings{Logger: set.Logger, Version: set.BuildInfo.Version})
		if err != nil {
			return nil, err
		}
		a.session, address = s, s.Host()
	}
	client, err := settings.ToClient(ctx, host.GetExtensions(), set.TelemetrySettings)
	if err != nil {
		a.close()
		return nil, fmt.Errorf("http: %w", err)
	}
	if a.session != nil {
		client.Transport = a.session.RoundTripper(client.Transport)
	}
	a.http = client
	a.api, err = databricks.New(address, client, databricks.Settings{Timeout: cfg.HTTP.Timeout, UserAgent: "otelcol-mlflow/" + set.BuildInfo.Version, Sleep: sleep})
	if err != nil {
		a.close()
		return nil, fmt.Errorf("host: %w", err)
	}
	return a, nil
}

func (a *access) close() {
	if a.session != nil {
		a.session.Close()
	}
	if a.http != nil {
		a.http.CloseIdleConnections()
	}
}
