// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
)

// profiles writes a file of the Databricks CLI.
func profiles(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "databrickscfg")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestProfile(t *testing.T) {
	w := workspace(t)
	path := profiles(t, `
[DEFAULT]
host = https://default.example.com
token = canary-default
[team]
host = `+w.URL()+`/
client_id = app-1
client_secret = canary-client-secret
cluster_id = 0123
http_timeout_seconds = nonsense
debug_headers = true
[user]
host  = `+w.URL()+`
token = `+databrickstest.AdminToken+`
[bare]
host = dbc-1.cloud.databricks.com
[homeless]
token = canary-x
[wrong]
host = https://x.example.com
token = canary-x
azure_use_msi = perhaps
[copied]
host = https://dbc-1.cloud.databricks.com/login.html?o=123#canary
token = mine
[copied2]
host = DBC-1.cloud.databricks.com/?o=123
token = mine
[named]
host = https://user:canary@x.example.com/login.html
token = canary-x
`)
	t.Run("of a service principal", func(t *testing.T) {
		s := session(t, Config{Profile: "team", Credentials: Credentials{ConfigFile: path}}, Settings{})
		require.Equal(t, w.URL(), s.Host(), "known before the first request")
		require.Equal(t, "oauth-m2m", s.AuthType())
		require.Equal(t, 200, me(t, s, client(t, s)))
		require.False(t, s.credential.sdk.DebugHeaders)
		require.Empty(t, s.credential.sdk.ClusterID)
	})
	t.Run("with a token", func(t *testing.T) {
		s := session(t, Config{Profile: "user", Host: w.URL(), Credentials: Credentials{ConfigFile: path}}, Settings{})
		require.Equal(t, "profile user", s.Identity())
		require.Equal(t, 200, me(t, s, client(t, s)))
	})
	t.Run("what is written wins", func(t *testing.T) {
		s := session(t, Config{Profile: "bare", Credentials: Credentials{ConfigFile: path, Token: "mine"}}, Settings{})
		require.Equal(t, "https://dbc-1.cloud.databricks.com", s.Host())
		require.Equal(t, "mine", bearer(t, s))
	})
	t.Run("host copied from a browser", func(t *testing.T) {
		for _, profile := range []string{"copied", "copied2"} {
			s := session(t, Config{Profile: profile, Credentials: Credentials{ConfigFile: path}}, Settings{})
			require.Equal(t, "https://dbc-1.cloud.databricks.com", s.Host(), profile)
		}
	})
	t.Run("DEFAULT, if it is named", func(t *testing.T) {
		s := session(t, Config{Profile: "DEFAULT", Credentials: Credentials{ConfigFile: path}}, Settings{})
		require.Equal(t, "https://default.example.com", s.Host())
	})
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"nothing from DEFAULT": {Config{Profile: "bare"}, "auth_type: nothing says how to sign in"},
		"no host":              {Config{Profile: "homeless"}, `profile: "homeless" in ` + path + ` has no host`},
		"unknown":              {Config{Profile: "other"}, path + ` has no profile "other"`},
		"settings":             {Config{Profile: "__settings__"}, `has no profile "__settings__"`},
		"two hosts": {Config{Profile: "user", Host: "https://other.example.com"},
			`host: it is not the host of the profile "user", ` + w.URL()},
		"wrong type": {Config{Profile: "wrong"}, "holds a value of the wrong type"},
		"a name in the host": {Config{Profile: "named"},
			`the host of "named" in ` + path + `: credentials do not belong in the address`},
		"two ways": {Config{Profile: "team", Credentials: Credentials{Token: "canary"}},
			"auth_type: token means pat and client_secret means oauth-m2m"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Credentials.ConfigFile = path
			_, err := New(c.cfg, Settings{})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := New(Config{Profile: "team", Credentials: Credentials{ConfigFile: path + "x"}}, Settings{})
		require.ErrorContains(t, err, "there is no file "+path+"x; write its path under config_file")
	})
	t.Run("broken file", func(t *testing.T) {
		_, err := New(Config{Profile: "team",
			Credentials: Credentials{ConfigFile: profiles(t, "[team]\ncanary-secret-without-equals\n")}}, Settings{})
		require.ErrorContains(t, err, "the file is unreadable or no INI file")
		require.NotContains(t, err.Error(), "canary")
	})
}

// The usual file is the one in the home directory, and a profile's auth_type does not make
// credentials useless that are written.
func TestProfileInTheHomeDirectory(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	require.NoError(t, os.WriteFile(filepath.Join(home, ".databrickscfg"),
		[]byte("[team]\nhost = https://x.example.com\nauth_type = databricks-cli\n"), 0o600))
	s := session(t, Config{Profile: "team"}, Settings{})
	require.Equal(t, "databricks-cli", s.AuthType())
	s = session(t, Config{Profile: "team", Credentials: Credentials{Token: "mine"}}, Settings{})
	require.Equal(t, "pat", s.AuthType())
	require.Equal(t, "mine", bearer(t, s))
}

// A renewal reads the profile again: a secret that was rotated in the file is taken without a
// restart. A host that has changed is not followed.
func TestRotatedProfile(t *testing.T) {
	w := workspace(t)
	w.AddToken("first", "me@example.com")
	path := profiles(t, "[team]\nhost = "+w.URL()+"\ntoken = first\n")
	s := session(t, Config{Profile: "team", Credentials: Credentials{ConfigFile: path}}, Settings{})
	c := client(t, s)
	require.Equal(t, 200, me(t, s, c))

	w.RevokeTokens("me@example.com")
	require.Equal(t, 403, me(t, s, c), "there is no other token")
	s.mu.Lock()
	s.renewed = s.renewed.Add(-renewEvery)
	s.mu.Unlock()
	w.AddToken("second", "me@example.com")
	require.NoError(t, os.WriteFile(path, []byte("[team]\nhost = "+w.URL()+"\ntoken = second\n"), 0o600))
	require.Equal(t, 200, me(t, s, c))

	s.mu.Lock()
	s.renewed = s.renewed.Add(-renewEvery)
	s.mu.Unlock()
	require.NoError(t, os.WriteFile(path, []byte("[team]\nhost = https://other.example.com\ntoken = third\n"), 0o600))
	require.ErrorContains(t, s.Renew(t.Context()),
		`profile: the host of "team" has become https://other.example.com; restart to follow it`)
	require.Equal(t, "second", bearer(t, s))
}
