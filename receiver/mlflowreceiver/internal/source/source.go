// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package source turns a tracking URI into the source that it names.
package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/artifacts"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/rest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
)

// Observer hears of requests to a tracking server. Status is 0 for a request without an answer.
type Observer interface {
	Request(route string, status int, bytes int64)
	Retry()
}

// Settings is what a source is opened with.
type Settings struct {
	URI               string                      // tracking_uri of the configuration
	HTTP              confighttp.ClientConfig     // its endpoint is not used
	Workspace         string                      // X-MLFLOW-WORKSPACE; empty: not sent
	SearchPage        int                         // infos per search request to a tracking server
	Concurrency       int                         // requests for spans in flight
	RequestsPerSecond float64                     // of all kinds; 0: no bound
	MaxUtilization    float64                     // share of time that a tracking server is kept busy; 1: no bound
	Readers           int                         // processes that share these bounds, and quotas; 0: 1
	MaxTraceSize      int                         // bytes
	Retry             configretry.BackOffConfig   // back-off between the attempts of one request
	Databricks        Databricks                  // how a workspace is read
	Database          Database                    // how a database server is read
	Artifacts         artifacts.Config            // where files of spans are, below a store
	Poll              time.Duration               // between two looks at a running search of Databricks; 0: 1 s
	Version           string                      // of the product
	Host              component.Host              // whose extensions authenticate
	Telemetry         component.TelemetrySettings // for the HTTP client
	Observer          Observer                    // told of each request and each repetition
}

// part is what is left of bounds for this one of several readers.
func (s Settings) part() Settings {
	s.Readers = max(s.Readers, 1)
	s.RequestsPerSecond /= float64(s.Readers)
	if s.MaxUtilization < 1 {
		s.MaxUtilization /= float64(s.Readers)
	}
	return s
}

// About says what is known of a source before it is asked.
type About struct {
	mlflow.Description
	Identity string // what positions belong to: the same place always has the same
}

// target is a parsed tracking URI: one of the three.
type target struct {
	server    *url.URL
	store     *store.Target
	workspace bool   // of Databricks
	profile   string // that it names, or empty
}

func parse(uri string) (target, error) {
	scheme, _, _ := strings.Cut(uri, ":")
	driver, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	switch {
	case store.IsStoreURI(uri):
		t, err := store.ParseURI(uri)
		return target{store: &t}, err
	case driver == "mssql" || driver == "oracle":
		return target{},
			fmt.Errorf("a %s database can't be read directly; write the http(s) address of the tracking server in "+
				"front of it", driver)
	case driver == "databricks":
		return parseWorkspace(uri)
	case driver == "databricks-uc":
		return target{},
			errors.New("databricks-uc is a registry of models; write databricks or databricks://PROFILE, which " +
				"holds the traces in Unity Catalog, too")
	case driver == "http" || driver == "https":
		u, err := rest.ParseURL(uri)
		return target{server: u}, err
	case driver == "file" || isFolder(uri):
		return target{}, errors.New("a folder of files is not read directly; write the address of a server in front " +
			"of it (mlflow server --backend-store-uri ./mlruns, then http://localhost:5000), or move it into a " +
			"database (mlflow migrate-filestore --source . --target sqlite:///mlflow.db) and write sqlite:///mlflow.db")
	case isDatabaseFile(uri):
		return target{}, fmt.Errorf("it has no scheme; write sqlite:///%s", uri)
	case !strings.Contains(uri, "://"):
		return target{},
			errors.New("it has no scheme; write http://host:5000, https://host/prefix, databricks, or " +
				"sqlite:///mlflow.db for a file")
	default:
		return target{},
			fmt.Errorf("the scheme %q is not known; write http://host:5000, https://host/prefix, databricks, or "+
				"sqlite:///mlflow.db for a file", driver)
	}
}

// isFolder reports whether a URI without a scheme is the path of a folder, as MLflow takes it for a
// store of files: ./mlruns, mlruns, /data/mlruns, ~/x, C:\mlruns.
func isFolder(uri string) bool {
	if uri == "" || strings.Contains(uri, "://") || isDatabaseFile(uri) {
		return false
	}
	drive := len(uri) > 2 && uri[1] == ':' && strings.ContainsRune(`\/`, rune(uri[2]))
	last := uri[strings.LastIndexAny(strings.TrimRight(uri, `\/`), `\/`)+1:]
	return drive || strings.ContainsRune(`./~\`, rune(uri[0])) || strings.HasPrefix(last, "mlruns")
}

// isDatabaseFile reports whether a URI without a scheme is the path of a file of SQLite.
func isDatabaseFile(uri string) bool {
	ext := strings.ToLower(filepath.Ext(uri))
	return !strings.Contains(uri, "://") && slices.Contains([]string{".db", ".sqlite", ".sqlite3"}, ext)
}

// Validate returns what is wrong with a tracking URI and what to write instead. No part that may
// hold a password is repeated.
func Validate(uri string) error {
	_, err := parse(uri)
	return err
}

// ValidateFilter returns what is wrong with a search filter, as far as that is known without
// asking: a store answers filters itself, servers have grammars of their own.
func ValidateFilter(uri, filter string) error {
	if !store.IsStoreURI(uri) {
		return nil
	}
	return store.CheckFilter(filter)
}

// Open opens the source without talking to the network.
func Open(ctx context.Context, s Settings) (mlflow.Source, About, error) {
	s = s.part()
	t, err := parse(s.URI)
	if err != nil {
		return nil, About{}, err
	}
	if t.store != nil {
		opts := store.Options{MaxTraceSize: s.MaxTraceSize, Workspace: s.Workspace, Artifacts: s.Artifacts,
			Readers: s.Concurrency}
		if s.Artifacts.Server() {
			if opts.ArtifactServer, err = s.server(ctx, s.Artifacts.Destination); err != nil {
				return nil, About{}, err
			}
		}
		if t.store.URL != nil {
			return s.openServer(*t.store, opts)
		}
		src, err := store.Open(ctx, *t.store, opts)
		if err != nil {
			return nil, About{}, err
		}
		path := t.store.Path
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return src, About{
			Description: mlflow.Description{Kind: store.Kind(*t.store), Location: path,
				Authentication: "file access"}, Identity: "sqlite:" + path,
		}, nil
	}
	if t.workspace {
		return openWorkspace(ctx, s, t)
	}
	src, err := s.server(ctx, t.server.String())
	if err != nil {
		return nil, About{}, err
	}
	place := strings.ToLower(t.server.Scheme+"://"+t.server.Host) + strings.TrimRight(t.server.Path, "/")
	return src, About{Description: mlflow.Description{Kind: "MLflow server", Location: place,
		Authentication: s.authentication()}, Identity: place}, nil
}

// server returns a client for a tracking server. It doesn't talk to it.
func (s *Settings) server(ctx context.Context, address string) (*rest.Client, error) {
	u, err := rest.ParseURL(address)
	if err != nil {
		return nil, err
	}
	client, err := s.client(ctx)
	if err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	return rest.New(rest.Config{
		URL: u, HTTP: client, Workspace: s.Workspace, PageSize: s.SearchPage, Concurrency: s.Concurrency,
		RequestsPerSecond: s.RequestsPerSecond, MaxUtilization: s.MaxUtilization,
		MaxTraceBytes: int64(s.MaxTraceSize), Retry: s.Retry, Logger: s.Telemetry.Logger, Hooks: s.hooks(),
	})
}

// ValidateArtifacts returns what is wrong with the places of artifacts for a tracking URI.
func ValidateArtifacts(uri string, c *artifacts.Config) error {
	if c.Unset() {
		return nil
	}
	if !store.IsStoreURI(uri) {
		return errors.New("artifacts: goes with a database as tracking_uri only: a tracking server reads its " +
			"artifacts itself; remove it")
	}
	if c.Server() {
		if _, err := rest.ParseURL(c.Destination); err != nil {
			return fmt.Errorf("artifacts::destination: %w", err)
		}
	}
	return nil
}

func (s *Settings) hooks() rest.Hooks {
	return rest.Hooks{
		Request: func(r rest.Request) { s.Observer.Request(r.Route, r.Status, r.Bytes) },
		Retry:   func(*rest.Error, time.Duration) { s.Observer.Retry() },
	}
}

// client builds the HTTP client, with the authenticator extension that the configuration names.
func (s *Settings) client(ctx context.Context) (*http.Client, error) {
	return s.HTTP.ToClient(ctx, s.Host.GetExtensions(), s.Telemetry)
}

// authentication names how requests are signed.
func (s *Settings) authentication() string {
	if auth := s.HTTP.Auth.Get(); auth != nil {
		return "extension " + auth.AuthenticatorID.String()
	}
	for name := range s.HTTP.Headers.Iter {
		if strings.EqualFold(name, "Authorization") {
			return "header Authorization"
		}
	}
	return "none"
}
