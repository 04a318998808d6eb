// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
)

// Databricks says how a workspace is read.
type Databricks struct {
	SignIn    signin.Config // host and profile are empty with an authenticator extension
	Warehouse string        // SQL warehouse for traces in Unity Catalog
}

// Unset reports whether neither a workspace nor credentials are set.
func (d Databricks) Unset() bool { return reflect.DeepEqual(d.SignIn, signin.Config{}) }

// IsDatabricks reports whether the URI names the MLflow of a Databricks workspace: databricks,
// databricks://PROFILE.
func IsDatabricks(uri string) bool {
	t, err := parse(uri)
	return err == nil && t.workspace
}

// parseWorkspace reads databricks or databricks://PROFILE.
func parseWorkspace(uri string) (target, error) {
	const forms = "write databricks, with databricks::host or an authenticator, or databricks://PROFILE"
	rest, ok := strings.CutPrefix(uri, "databricks")
	if !ok {
		return target{}, errors.New("it names no workspace; " + forms)
	}
	profile, ok := strings.CutPrefix(rest, "://")
	switch {
	case rest == "":
		return target{workspace: true}, nil
	case !ok || profile == "" || strings.ContainsAny(profile, "/?#@"):
		return target{}, errors.New("it names no workspace; " + forms)
	case strings.Contains(profile, ":"):
		return target{}, errors.New("a secret scope (databricks://scope:prefix) exists in notebooks only; " + forms)
	}
	return target{workspace: true, profile: profile}, nil
}

// ValidateDatabricks returns what is wrong with the way to a workspace, naming the key. It reads no
// files.
func ValidateDatabricks(uri string, d Databricks, http *confighttp.ClientConfig) error {
	t, err := parse(uri)
	if err != nil || !t.workspace {
		return nil // said elsewhere
	}
	if auth := http.Auth.Get(); auth != nil {
		if t.profile != "" || !d.Unset() {
			return fmt.Errorf("http::auth: %s signs the requests and says where they go; write tracking_uri: "+
				"databricks and leave the group databricks out", auth.AuthenticatorID)
		}
		return nil
	}
	for name := range http.Headers.Iter {
		if strings.EqualFold(name, "Authorization") {
			return errors.New(
				"http::headers: Authorization is written by the sign-in; write the token into databricks::auth::token")
		}
	}
	cfg, err := t.signIn(d.SignIn)
	if err != nil {
		return err
	}
	if cfg.Host == "" && cfg.Profile == "" {
		return errors.New("databricks::host: required with tracking_uri: databricks; write the workspace's address " +
			"(https://….cloud.databricks.com), write databricks://PROFILE, or name a " +
			"databricks_auth extension in http::auth. Neither DATABRICKS_HOST nor the profile DEFAULT is used unasked")
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("databricks::%w", err)
	}
	return nil
}

// signIn puts the profile of the URI into the configuration.
func (t target) signIn(cfg signin.Config) (signin.Config, error) {
	if t.profile == "" {
		return cfg, nil
	}
	if cfg.Profile != "" && cfg.Profile != t.profile {
		return cfg, fmt.Errorf("databricks::profile: %q, but tracking_uri names %q; write one of them",
			cfg.Profile, t.profile)
	}
	cfg.Profile = t.profile
	return cfg, nil
}

// openWorkspace opens the MLflow of a Databricks workspace without talking to the network.
func openWorkspace(ctx context.Context, s Settings, t target) (mlflow.Source, About, error) {
	session, own, err := s.session(t)
	if err != nil {
		return nil, About{}, err
	}
	fail := func(err error) (mlflow.Source, About, error) {
		if own {
			session.Close()
		}
		return nil, About{}, err
	}
	host, err := url.Parse(session.Host())
	if err != nil {
		return fail(err)
	}
	client, err := s.client(ctx)
	if err != nil {
		return fail(fmt.Errorf("http: %w", err))
	}
	unsigned := client.Transport
	if own {
		client.Transport = session.RoundTripper(unsigned)
	}
	client.Transport = explaining{client.Transport, unsigned}
	plain := s.HTTP
	plain.Auth, plain.Headers = configoptional.None[configauth.Config](), nil
	storage, err := plain.ToClient(ctx, nil, s.Telemetry)
	if err != nil {
		return fail(fmt.Errorf("http: %w", err))
	}
	src, err := rest.New(rest.Config{
		URL: host, HTTP: client, PageSize: workspacePage, Concurrency: s.Concurrency,
		RequestsPerSecond: s.RequestsPerSecond, MaxTraceBytes: int64(s.MaxTraceSize),
		Retry: s.Retry, Logger: s.Telemetry.Logger, Hooks: s.hooks(),
		Databricks: &rest.Databricks{Warehouse: s.Databricks.Warehouse, Storage: storage, Poll: s.Poll,
			Identity: session.Identity(), Readers: s.Readers},
	})
	if err != nil {
		return fail(err)
	}
	about := About{
		Description: mlflow.Description{Kind: "MLflow on Databricks", Location: session.Host(),
			Principal: session.Identity(), Authentication: "sign-in " + session.AuthType()},
		Identity: "databricks:" + session.Host(),
	}
	if !own {
		about.Authentication = s.authentication()
		return src, about, nil
	}
	return signedIn{src, session}, about, nil
}

// workspacePage is the number of infos per search. Each is a query of a SQL warehouse, which takes
// seconds whatever it finds.
const workspacePage = 500

// session signs in, or finds the session of the extension that http::auth names.
func (s *Settings) session(t target) (session *signin.Session, own bool, err error) {
	if auth := s.HTTP.Auth.Get(); auth != nil {
		if session, err = signin.Lookup(s.Host.GetExtensions(), auth.AuthenticatorID); err != nil {
			return nil, false, fmt.Errorf("http::auth: %w", err)
		}
		return session, false, nil
	}
	cfg, err := t.signIn(s.Databricks.SignIn)
	if err != nil {
		return nil, false, err
	}
	if session, err = signin.New(cfg, signin.Settings{Logger: s.Telemetry.Logger, Version: s.Version}); err != nil {
		return nil, false, fmt.Errorf("databricks: %w", err)
	}
	return session, true, nil
}

// signedIn is a source that owns its session.
type signedIn struct {
	mlflow.Source
	session *signin.Session
}

// Close implements mlflow.Source.
func (s signedIn) Close() error {
	err := s.Source.Close()
	s.session.Close()
	return err
}

// explaining tells the client of the source which failures are those of the sign-in.
type explaining struct{ signed, unsigned http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t explaining) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.signed.RoundTrip(r)
	var failed *signin.SignInError
	if errors.As(err, &failed) && r.Context().Err() == nil {
		err = &rest.SignInError{Err: failed, Permanent: failed.Permanent}
	}
	return res, err
}

// CloseIdleConnections is what http.Client looks for.
func (t explaining) CloseIdleConnections() {
	if c, ok := t.unsigned.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
