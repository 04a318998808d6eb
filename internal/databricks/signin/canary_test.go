// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/logger"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// scan requires that no canary is in the logs or in the texts.
func scan(t *testing.T, logs *observer.ObservedLogs, texts ...string) {
	t.Helper()
	for _, e := range logs.All() {
		texts = append(texts, fmt.Sprint(e.Message, e.ContextMap()))
	}
	for _, text := range texts {
		require.NotContains(t, text, "canary")
		require.NotContains(t, text, "eyJ")
	}
}

// No credential is in a log line or an error, at debug level, whatever happens: sign-ins that go
// well, that are refused with an answer that repeats the secret, that meet a fault, for every way
// to sign in.
func TestNoCredentialInLogsOrErrors(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	log := zap.New(core)
	idFile := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(idFile, []byte("eyJcanary-id.token.x"), 0o600))
	t.Setenv("CANARY_TOKEN", "canary-id-token")
	t.Setenv(githubToken, "canary-actions")
	var texts []string
	echo := func(r *http.Request) *databrickstest.Fault {
		_ = r.ParseForm()
		id, secret, _ := r.BasicAuth()
		said := fmt.Sprintf("you sent %s:%s, %v, %v at %s", id, secret, r.Form, r.Header, r.URL)
		return &databrickstest.Fault{
			Status: http.StatusBadRequest, Header: http.Header{"Content-Type": {"application/json"}},
			Body: fmt.Sprintf(`{"error":"invalid_request","error_description":%q}`, said),
		}
	}
	page := func(r *http.Request) *databrickstest.Fault {
		return &databrickstest.Fault{Status: http.StatusOK, Body: "<html>sign in: " + r.Header.Get("Authorization") +
			"</html>", Header: http.Header{"Content-Type": {"text/html"}}}
	}
	broken := func(*http.Request) *databrickstest.Fault { return &databrickstest.Fault{Reset: true} }
	for name, credentials := range map[string]Credentials{
		"m2m":      {ClientID: clientID, ClientSecret: clientSecret},
		"odd":      {ClientID: clientID, ClientSecret: `canary "/?&=% secret`},
		"file":     {OIDCTokenFilepath: idFile},
		"env":      {OIDCTokenEnv: "CANARY_TOKEN"},
		"metadata": {MetadataServiceURL: "http://127.0.0.1:1/canary-path"},
		"github":   {AuthType: "github-oidc"},
		"azure":    {Cloud: "azure", AzureClientID: "app", AzureClientSecret: "canary-azure", AzureTenantID: "tenant"},
		"msi":      {Cloud: "azure", AuthType: "azure-msi"},
		"google":   {Cloud: "gcp", GoogleCredentials: `{"type":"service_account","private_key":"canary"}`},
		"cli":      {DatabricksCLIPath: program(t, t.TempDir(), "databricks", "canary")},
	} {
		for kind, fault := range map[string]func(*http.Request) *databrickstest.Fault{"none": nil, "echo": echo,
			"page": page, "broken": broken} {
			w := workspace(t)
			t.Setenv(githubURL, w.URL()+"/github?x=y")
			if credentials.MetadataServiceURL != "" {
				credentials.MetadataServiceURL = configopaque.String(w.URL() + "/canary-path")
			}
			w.SetFault(fault)
			cfg := Config{Host: w.URL(), Credentials: credentials}
			s := session(t, cfg, Settings{Logger: log, Transport: &cloudFake{to: w.URL()}})
			_, err := s.Headers(t.Context())
			if name == "m2m" && kind == "none" {
				require.NoError(t, err)
				continue
			}
			require.Error(t, err, "%s, %s", name, kind)
			texts = append(texts, err.Error(), fmt.Sprintf("%+v", refusal(t, err)), fmt.Sprintf("%+v", cfg))
		}
	}
	require.NotZero(t, logs.Len(), "the SDK's log lines arrive")
	scan(t, logs, texts...)
}

// What the SDK logs goes to zap: with the session's context, and without any to the session opened
// last. Dumps of requests are never asked for.
func TestLogsOfTheSDK(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	w := workspace(t)
	s := session(t, m2m(w.URL()), Settings{Logger: zap.New(core)})
	require.Equal(t, http.StatusOK, me(t, s, client(t, s)))
	require.NotEmpty(t,
		logs.FilterField(zap.String("message", "Generating Databricks OAuth token for Service Principal (app-1)")).
			All())
	for _, e := range logs.All() {
		require.Equal(t, zapcore.DebugLevel, e.Level, "a sign-in that goes well is no news")
		require.NotContains(t, e.ContextMap()["message"], "HTTP/1.1")
	}
	require.False(t, logger.Get(t.Context()).Enabled(t.Context(), logger.LevelDebug), "no dumps of requests")

	logger.Errorf(t.Context(), "%s with %s", "trouble", clientSecret)
	logger.Warnf(t.Context(), "trouble")
	logger.Infof(t.Context(), "Bearer abcdefghijkl")
	logger.Tracef(t.Context(), "step")
	last := logs.All()[logs.Len()-3:]
	require.Equal(t, zapcore.ErrorLevel, last[0].Level)
	require.Equal(t, "trouble with ***", last[0].ContextMap()["message"])
	require.Equal(t, zapcore.WarnLevel, last[1].Level)
	require.Equal(t, "***", last[2].ContextMap()["message"])

	s.Close()
	before := logs.Len()
	logger.Errorf(t.Context(), "nobody listens")
	require.Equal(t, before, logs.Len())
}

func TestRedactor(t *testing.T) {
	hide := newRedactor(&config.Config{Token: "s3cret", ClientID: "a b", ClientSecret: "p/w=",
		MetadataServiceURL: "http://127.0.0.1:1/path-secret"})
	for in, want := range map[string]string{
		"token s3cret!":                    "token ***!",
		"czNjcmV0":                         "***",
		"secret p%2Fw%3D":                  "secret ***",
		"Basic YSBiOnAlMkZ3JTNE":           "Basic ***",
		"GET /path-secret":                 "GET ***",
		"a eyJhbGciOi.eyJz.c2ln end":       "a *** end",
		"dapi0123456789abcdef0123":         "***",
		"Authorization: bearer abcdefghij": "Authorization: ***",
		"nothing to hide":                  "nothing to hide",
	} {
		require.Equal(t, want, hide.text(in), in)
	}
	require.Equal(t, "a b c", hide.line(" a\nb\t c "))
	require.Less(t, len(hide.line(strings.Repeat("é", 1000))), 400)
}
