// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/stretchr/testify/require"
)

// surroundings fills the environment with everything that the SDK would take: each of its
// variables, and a DEFAULT profile in the home directory. All of it leads to a recorder, whose
// count is returned.
func surroundings(t *testing.T) *atomic.Int32 {
	var seen atomic.Int32
	recorder := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen.Add(1) }))
	t.Cleanup(recorder.Close)
	for _, a := range config.ConfigAttributes {
		for _, name := range a.EnvVars {
			switch {
			case a.Kind == reflect.Bool:
				t.Setenv(name, "true")
			case a.Kind == reflect.Int:
				t.Setenv(name, "1")
			case a.Name == "host" || a.Name == "metadata_service_url" || a.Name == "actions_id_token_request_url" ||
				a.Name == "discovery_url":
				t.Setenv(name, recorder.URL)
			default:
				t.Setenv(name, "ambient")
			}
		}
	}
	require.Equal(t, recorder.URL, os.Getenv("DATABRICKS_HOST"))
	require.Equal(t, "ambient", os.Getenv("DATABRICKS_TOKEN"))
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("DATABRICKS_CONFIG_FILE", filepath.Join(home, ".databrickscfg"))
	require.NoError(t, os.WriteFile(filepath.Join(home, ".databrickscfg"),
		[]byte("[DEFAULT]\nhost = "+recorder.URL+"\ntoken = ambient\n[ambient]\nhost = "+recorder.URL+
			"\ntoken = ambient\n[__settings__]\ndefault_profile = ambient\n"), 0o600))
	return &seen
}

// Nothing that lies around is taken: without host and profile the start fails, naming the key;
// without credentials too; and no request leaves.
func TestNothingAmbient(t *testing.T) {
	seen := surroundings(t)
	for want, cfg := range map[string]Config{
		"host: required":                         {},
		"host: required; write":                  {Credentials: Credentials{Token: "mine"}},
		"auth_type: nothing says how to sign in": {Host: "http://127.0.0.1:1"},
		"client_id: it needs client_secret": {Host: "http://127.0.0.1:1",
			Credentials: Credentials{ClientID: "app"}},
		"client_secret: auth_type oauth-m2m": {Host: "http://127.0.0.1:1",
			Credentials: Credentials{AuthType: "oauth-m2m", ClientID: "app"}},
		"oidc_token_env: auth_type env-oidc": {Host: "http://127.0.0.1:1",
			Credentials: Credentials{AuthType: "env-oidc"}},
		"metadata_service_url: auth_type": {Host: "http://127.0.0.1:1",
			Credentials: Credentials{AuthType: "metadata-service"}},
		"databricks_id_token_filepath: auth_type": {Host: "http://127.0.0.1:1",
			Credentials: Credentials{AuthType: "file-oidc"}},
	} {
		_, err := New(cfg, Settings{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "ambient")
	}
	require.Zero(t, seen.Load(), "a request left")
}

// With host and credentials written, nothing else is used: not for signing, not for API clients,
// not from the profile that happens to be the default.
func TestAmbientIsNotMixedIn(t *testing.T) {
	seen := surroundings(t)
	w := workspace(t)
	w.AddToken("mine", "me@example.com")
	for name, cfg := range map[string]Config{
		"pat": {Host: w.URL(), Credentials: Credentials{Token: "mine"}},
		"m2m": m2m(w.URL()),
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, cfg, Settings{})
			require.Equal(t, 200, me(t, s, client(t, s)))
			sdk := s.credential.sdk
			s2 := s.SDK()
			require.NoError(t, s2.EnsureResolved())
			for i := range config.ConfigAttributes {
				a := &config.ConfigAttributes[i]
				require.NotEqual(t, "ambient", a.GetString(sdk), a.Name)
				require.NotEqual(t, "ambient", a.GetString(s2), a.Name)
			}
			require.Empty(t, sdk.ActionsIDTokenRequestURL)
			require.Empty(t, sdk.DiscoveryURL)
			require.False(t, sdk.AzureUseMSI)
		})
	}
	require.Zero(t, seen.Load(), "a request left")
	for _, r := range w.Requests() {
		require.NotContains(t, r.Header.Get("Authorization"), "ambient")
		require.NotContains(t, string(r.Body), "ambient")
	}
	var principals []string
	for _, r := range w.RequestsTo("GET", mePath) {
		principals = append(principals, r.Principal)
	}
	require.ElementsMatch(t, []string{"me@example.com", clientID}, principals)
}
