// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// What the README shows can be started with.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, examples, 2)
	for _, e := range examples {
		retrieved, err := confmap.NewRetrievedFromYAML(
			regexp.MustCompile(`\$\{env:(\w+)\}`).ReplaceAll(e[1], []byte("$1")),
		)
		require.NoError(t, err)
		conf, err := retrieved.AsConf()
		require.NoError(t, err)
		sub, err := conf.Sub("exporters::databricks")
		require.NoError(t, err)
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, sub.Unmarshal(cfg))
		require.NoError(t, validate(cfg))
	}
	for _, key := range keys(t) {
		require.Regexp(t, "`[^`]*"+key, string(text), "the key %s is explained", key)
	}
}

// keys are those that users can write at the top.
func keys(t *testing.T) (out []string) {
	conf := confmap.New()
	require.NoError(t, conf.Marshal(createDefaultConfig()))
	for k := range conf.ToStringMap() {
		out = append(out, k)
	}
	return out
}

// Zerobus Ingest takes the same data by the settings that the README names, with a token for one
// table.
func TestZerobus(t *testing.T) {
	w := workspace(t)
	w.AddServicePrincipal("app-1", "s3cret")
	w.GrantWriting("app-1", spansTable)
	details, err := json.Marshal([]map[string]any{
		{
			"type":             "unity_catalog_privileges",
			"privileges":       []string{"USE CATALOG"},
			"object_type":      "CATALOG",
			"object_full_path": location.Catalog,
		},
		{
			"type":             "unity_catalog_privileges",
			"privileges":       []string{"USE SCHEMA"},
			"object_type":      "SCHEMA",
			"object_full_path": location.Catalog + "." + location.Schema,
		},
		{
			"type":             "unity_catalog_privileges",
			"privileges":       []string{"SELECT", "MODIFY"},
			"object_type":      "TABLE",
			"object_full_path": spansTable,
		},
	})
	require.NoError(t, err)
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {"all-apis"},
		"authorization_details": {string(details)},
		"resource": {
			"api://databricks/workspaces/" + databrickstest.WorkspaceID + "/zerobusDirectWriteApi",
		},
	}
	q, err := http.NewRequestWithContext(
		t.Context(),
		http.MethodPost,
		w.URL()+"/oidc/v1/token",
		strings.NewReader(form.Encode()),
	)
	require.NoError(t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.SetBasicAuth("app-1", "s3cret")
	base := http.DefaultTransport.(*http.Transport).Clone()
	defer base.CloseIdleConnections()
	res, err := (&http.Client{Transport: base}).Do(q)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&token))
	require.NotEmpty(t, token.AccessToken)

	cfg := configure(w)
	cfg.Preflight.OnFailure = "warn"
	id := component.MustNewIDWithName("extension", "0")
	cfg.Host, cfg.Auth.Authenticator, cfg.Auth.Credentials.Token = w.ZerobusURL(), &id, ""
	cfg.PathPrefix, cfg.TableHeader, cfg.HTTP.Compression = "/v1", "X-Databricks-Zerobus-Table-Name", "gzip"
	r := startChecked(t, cfg, signs{token: token.AccessToken})
	require.NoError(t, within(t, r.send(t.Context(), spans("1", 0, 1, 3))))
	require.Len(t, w.Rows(location.Table(unity.SignalSpans, unity.LayoutV2).String()), 3)
}
