// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// extension is a host with an authenticator.
type extension struct {
	component.Component
	session *signin.Session
}

func (e extension) Session() *signin.Session { return e.session }

func (e extension) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return e.session.RoundTripper(base), nil
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// TestExtension reads by an authenticator extension, whose host is used.
func TestExtension(t *testing.T) {
	w := workspace(t)
	x := w.CreateExperiment("/agent", &place)
	w.AddRows(spans, row(1, 1, 0, nil))
	w.AddServicePrincipal("app", "s3cret")
	w.Grant("app", "main", "USE_CATALOG", "USE_SCHEMA", "SELECT")
	session, err := signin.New(signin.Config{Host: w.URL(),
		Credentials: signin.Credentials{ClientID: "app", ClientSecret: "s3cret"}}, signin.Settings{})
	require.NoError(t, err)
	defer session.Close()
	id := component.MustNewID("databricks_auth")
	s := settings(w)
	s.Databricks.SignIn = signin.Config{}
	s.HTTP.Auth = configoptional.Some(configauth.Config{AuthenticatorID: id})
	s.Host = host{id: extension{session: session}}
	src, about, err := Open(context.Background(), s)
	require.NoError(t, err)
	defer func() { require.NoError(t, src.Close()) }()
	require.Equal(t, "extension databricks_auth", about.Authentication)
	require.Equal(t, "databricks:"+w.URL(), about.Identity)
	traces, _, _ := read(t, src, mlflow.Range{ExperimentID: x}, 10)
	require.Len(t, traces, 1)
	for _, r := range w.RequestsTo("", "/api/4.0/") {
		require.Equal(t, "app", r.Principal)
	}

	s.Host = componenttest.NewNopHost()
	_, _, err = Open(context.Background(), s)
	require.ErrorContains(t, err, `the extension "databricks_auth" is not there`)
}

// TestNothingAmbient: what the environment says of Databricks is not used.
func TestNothingAmbient(t *testing.T) {
	other, w := workspace(t), workspace(t)
	t.Setenv("DATABRICKS_HOST", other.URL())
	t.Setenv("DATABRICKS_TOKEN", "from the environment")
	t.Setenv("MLFLOW_TRACING_SQL_WAREHOUSE_ID", "from the environment")
	s := settings(w)
	require.NoError(t, ValidateDatabricks(s.URI, s.Databricks, &s.HTTP))
	_, err := open(t, s).Describe(context.Background())
	require.NoError(t, err)
	require.Empty(t, other.Requests())
	require.NotEmpty(t, w.Requests())

	s.Databricks.SignIn.Host = ""
	err = ValidateDatabricks(s.URI, s.Databricks, &s.HTTP)
	require.ErrorContains(t, err, "databricks::host: required")
	require.ErrorContains(t, err, "Neither DATABRICKS_HOST nor the profile DEFAULT is used unasked")
}

// TestProfile reads by a profile that the URI names.
func TestProfile(t *testing.T) {
	w := workspace(t)
	path := filepath.Join(t.TempDir(), "databrickscfg")
	require.NoError(t,
		os.WriteFile(path, []byte("[DEFAULT]\nhost = http://127.0.0.1:1\ntoken = x\n\n[lab]\nhost = "+w.URL()+
			"\ntoken = "+databrickstest.AdminToken+"\n"), 0o600))
	s := settings(w)
	s.URI, s.Databricks.SignIn = "databricks://lab", signin.Config{Credentials: signin.Credentials{ConfigFile: path}}
	require.NoError(t, ValidateDatabricks(s.URI, s.Databricks, &s.HTTP))
	d, err := open(t, s).Describe(context.Background())
	require.NoError(t, err)
	require.Equal(t, w.URL(), d.Location)

	s.URI = "databricks://other"
	_, _, err = Open(context.Background(), s)
	require.ErrorContains(t, err, "other")
}

func TestValidateDatabricks(t *testing.T) {
	header := confighttp.ClientConfig{Headers: configopaque.MapList{{Name: "authorization", Value: "Bearer x"}}}
	auth := confighttp.ClientConfig{
		Auth: configoptional.Some(configauth.Config{AuthenticatorID: component.MustNewID("databricks_auth")})}
	good := signin.Config{Host: "https://dbc-1.cloud.databricks.com", Credentials: signin.Credentials{Token: "x"}}
	for _, c := range []struct {
		uri  string
		cfg  signin.Config
		http confighttp.ClientConfig
		err  string
	}{
		{"databricks", good, confighttp.ClientConfig{}, ""},
		{"databricks://prod", signin.Config{}, confighttp.ClientConfig{}, ""},
		{"databricks", signin.Config{Profile: "prod"}, confighttp.ClientConfig{}, ""},
		{"databricks", signin.Config{}, auth, ""},
		{"http://localhost:5000", signin.Config{}, confighttp.ClientConfig{}, ""},
		{"databricks", good, auth, "http::auth: databricks_auth signs the requests"},
		{"databricks://prod", signin.Config{}, auth, "http::auth: databricks_auth signs the requests"},
		{"databricks", good, header, "databricks::auth::token"},
		{"databricks://prod", signin.Config{Profile: "test"}, confighttp.ClientConfig{},
			`databricks::profile: "test", but tracking_uri names "prod"`},
		{"databricks", signin.Config{Host: "http://dbc-1.cloud.databricks.com"}, confighttp.ClientConfig{},
			"databricks::host: "},
		{"databricks", signin.Config{Host: "https://dbc-1.cloud.databricks.com"},
			confighttp.ClientConfig{}, "databricks::"},
	} {
		err := ValidateDatabricks(c.uri, Databricks{SignIn: c.cfg}, &c.http)
		if c.err == "" {
			require.NoError(t, err, c.uri)
			continue
		}
		require.ErrorContains(t, err, c.err)
	}
	for uri, text := range map[string]string{
		"databricks://scope:key": "secret scope", "databricks-uc": "registry of models",
		"databricks://": "names no workspace", "databricks://a/b": "names no workspace",
		"databricks:prod": "names no workspace", "databricksx": "no scheme",
	} {
		require.ErrorContains(t, Validate(uri), text, uri)
	}
}

// A path is what MLflow takes for a store of files; each form of it leads to a server or a database.
func TestValidatePaths(t *testing.T) {
	for _, uri := range []string{"./mlruns", "mlruns", "mlruns/", "../x", "/data/mlruns", "/data", "~/mlruns",
		"data/mlruns",
		`C:\mlruns`, "C:/data", "file:///data/mlruns", "file:mlruns", "FILE:./mlruns"} {
		err := Validate(uri)
		require.ErrorContains(t, err, "mlflow server --backend-store-uri ./mlruns", uri)
		require.ErrorContains(t, err, "mlflow migrate-filestore", uri)
	}
	for uri, want := range map[string]string{
		"mlflow.db": "write sqlite:///mlflow.db", "/data/mlflow.db": "write sqlite:////data/mlflow.db",
		"localhost:5000": "write http://host:5000", "mlflow.example.com": "write http://host:5000",
		"mlflow-server/prefix": "write http://host:5000", "s3://bucket/mlruns": `scheme "s3" is not known`,
	} {
		require.ErrorContains(t, Validate(uri), want, uri)
	}
}
