// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
)

const (
	azureApp        = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
	azureManagement = "https://management.core.windows.net/"
)

// Every way to sign in leads to the headers that it should, through the transport of the session,
// and to nobody but those whom it names.
func TestEveryWayToSignIn(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)

	type run struct {
		prepare func(t *testing.T, f *cloudFake, c *Credentials)
		headers map[string]string
		asked   []string
		form    string // key=value of the last request
	}
	wellKnown, token := "GET workspace /oidc/.well-known/oauth-authorization-server", "POST workspace "+tokenPath
	ways := map[string]run{
		"pat": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) { c.Token = "canary-pat" },
			map[string]string{"Authorization": "Bearer canary-pat"}, nil, "",
		},
		"oauth-m2m": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.ClientID, c.ClientSecret, c.Scopes = "app", "canary-secret", []string{"sql", "mlflow"}
			}, map[string]string{"Authorization": "Bearer workspace-token"},
			[]string{wellKnown, token}, "scope=mlflow sql",
		},
		"file-oidc": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.ClientID, c.OIDCTokenFilepath = "app", filepath.Join(t.TempDir(), "token")
				require.NoError(t, os.WriteFile(c.OIDCTokenFilepath, []byte("canary-id-token"), 0o600))
			}, map[string]string{"Authorization": "Bearer workspace-token"},
			[]string{wellKnown, token}, "client_id=app",
		},
		"env-oidc": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.OIDCTokenEnv = "SOME_TOKEN"
				t.Setenv("SOME_TOKEN", "canary-id-token")
			}, map[string]string{"Authorization": "Bearer workspace-token"}, []string{wellKnown, token},
			"subject_token=canary-id-token",
		},
		"github-oidc": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.AuthType, c.ClientID, c.Audience = "github-oidc", "app", "my-audience"
				t.Setenv(githubURL, f.URL+"/github?x=y")
				t.Setenv(githubToken, "canary-actions")
			}, map[string]string{"Authorization": "Bearer workspace-token"},
			[]string{wellKnown, "GET workspace /github", token}, "subject_token=canary-id-token",
		},
		"azure-devops-oidc": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.AuthType, c.ClientID = "azure-devops-oidc", "app"
				for k, v := range map[string]string{
					"SYSTEM_ACCESSTOKEN": "canary-devops", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": f.URL,
					"SYSTEM_PLANID": "plan", "SYSTEM_JOBID": "job",
					"SYSTEM_TEAMPROJECTID": "project", "SYSTEM_HOSTTYPE": "build",
				} {
					t.Setenv(k, v)
				}
			}, map[string]string{"Authorization": "Bearer workspace-token"},
			[]string{wellKnown,
				"POST workspace /project/_apis/distributedtask/hubs/build/plans/plan/jobs/job/oidctoken", token},
			"subject_token=canary-id-token",
		},
		"metadata-service": {
			func(_ *testing.T, f *cloudFake, c *Credentials) {
				c.MetadataServiceURL = configopaque.String(f.URL + "/local/canary-path")
			}, map[string]string{"Authorization": "Bearer local-token"}, []string{"GET workspace /local/canary-path",
				"GET workspace /local/canary-path"}, "", // the SDK tries it first
		},
		"databricks-cli": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.DatabricksCLIPath = program(t, t.TempDir(), "databricks",
					`{"access_token":"cli-token","token_type":"Bearer","expiry":"2099-01-01T00:00:00Z"}`)
			}, map[string]string{"Authorization": "Bearer cli-token"}, nil, "",
		},
		"azure-client-secret": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AzureClientID, c.AzureClientSecret, c.AzureTenantID, c.AzureResourceID = "azure", "app",
					"canary-azure", "tenant", "/subscriptions/1"
			},
			map[string]string{
				"Authorization": "Bearer entra-" + azureApp, "X-Databricks-Azure-Sp-Management-Token": "entra-" +
					azureManagement,
				"X-Databricks-Azure-Workspace-Resource-Id": "/subscriptions/1",
			},
			[]string{"POST login.microsoftonline.com /tenant/oauth2/token",
				"POST login.microsoftonline.com /tenant/oauth2/token"}, "grant_type=client_credentials",
		},
		"azure-msi": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureClientID = "azure", "azure-msi", "identity"
			},
			map[string]string{"Authorization": "Bearer msi-" + azureApp,
				"X-Databricks-Azure-Sp-Management-Token": "msi-" + azureManagement},
			[]string{"GET 169.254.169.254 /metadata/identity/oauth2/token",
				"GET 169.254.169.254 /metadata/identity/oauth2/token"}, "client_id=identity",
		},
		"github-oidc-azure": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureClientID, c.AzureTenantID = "azure", "github-oidc-azure", "app", "tenant"
				t.Setenv(githubURL, f.URL+"/github?x=y")
				t.Setenv(githubToken, "canary-actions")
			}, map[string]string{"Authorization": "Bearer entra-" + azureApp},
			[]string{"GET workspace /github", "POST login.microsoftonline.com /tenant/oauth2/token"},
			"client_assertion=canary-id-token",
		},
		"azure-cli": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureTenantID = "azure", "azure-cli", "tenant"
				dir := t.TempDir()
				program(t, dir, "az",
					`{"user":{"type":"user"},"accessToken":"az-token","tokenType":"Bearer","expiresOn":"2099-01-01 `+
						`00:00:00.000000"}`)
				t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			}, map[string]string{"Authorization": "Bearer az-token",
				"X-Databricks-Azure-Sp-Management-Token": "az-token"}, nil, "",
		},
		"google-credentials": {
			func(_ *testing.T, f *cloudFake, c *Credentials) {
				text, _ := json.Marshal(map[string]string{
					"type": "service_account", "client_email": "a@b", "private_key_id": "1",
					"token_uri":   f.URL + "/google",
					"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
				})
				c.Cloud, c.GoogleCredentials = "gcp", configopaque.String(text)
			}, map[string]string{"X-Databricks-Gcp-Sa-Access-Token": "google-access"},
			[]string{"POST workspace /google", "POST workspace /google"}, "",
		},
	}
	for name, c := range ways {
		t.Run(name, func(t *testing.T) {
			f := newCloud(t)
			cfg := Config{Host: f.URL}
			c.prepare(t, f, &cfg.Credentials)
			s := session(t, cfg, Settings{Transport: f})
			require.Equal(t, name, s.AuthType())
			require.Empty(t, f.asked, "nobody is asked before the first request")
			for range 3 {
				headers, err := s.Headers(t.Context())
				require.NoError(t, err)
				require.NotEmpty(t, headers.Get("Authorization"))
				for key, want := range c.headers {
					require.Equal(t, want, headers.Get(key), key)
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			require.Equal(t, c.asked, f.asked, "tokens are kept")
			if key, want, ok := strings.Cut(c.form, "="); ok {
				require.Equal(t, want, f.forms[len(f.forms)-1].Get(key))
			}
		})
	}
	for _, m := range methods {
		_, tried := ways[m.name]
		require.Equal(t, m.name != "google-id", tried,
			"%s: impersonation at Google goes over connections of Google's own library, all others are tried", m.name)
	}
}

// What a way to sign in needs from its surroundings is missing: the start says what, or the first
// sign-in does.
func TestSurroundingsAreMissing(t *testing.T) {
	f := newCloud(t)
	for _, name := range []string{githubURL, githubToken, "SYSTEM_ACCESSTOKEN", "SOME_TOKEN"} {
		t.Setenv(name, "")
	}
	for want, c := range map[string]Credentials{
		"auth_type: github-oidc reads the environment variable " + githubURL +
			", which is not set; the GitHub workflow needs": {AuthType: "github-oidc"},
		"auth_type: azure-devops-oidc reads the environment variable SYSTEM_ACCESSTOKEN, which is not set; map": {
			AuthType: "azure-devops-oidc"},
		"auth_type: env-oidc reads the environment variable SOME_TOKEN, which is not set": {
			OIDCTokenEnv: "SOME_TOKEN"},
	} {
		_, err := New(Config{Host: f.URL, Credentials: c}, Settings{Transport: f})
		require.ErrorContains(t, err, want)
	}
	for want, c := range map[string]Credentials{
		"as file-oidc failed: file \"/none\" does not exist": {OIDCTokenFilepath: "/none"},
		"as databricks-cli failed: databricks CLI not found": {DatabricksCLIPath: "/none"},
	} {
		_, err := session(t, Config{Host: f.URL, Credentials: c}, Settings{Transport: f}).Headers(t.Context())
		require.True(t, refusal(t, err).Permanent, "only a person can help")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	require.NotContains(t, f.asked, "POST workspace "+tokenPath)
}

// An id token of GitHub is valid for minutes, and the SDK keeps the first one for ever: when Entra
// ID refuses it later, the session starts over with a fresh one, unseen.
func TestStartsOverWhenRefusedLater(t *testing.T) {
	f := newCloud(t)
	f.oneUse, f.life = map[string]bool{}, 2*time.Second
	t.Setenv(githubURL, f.URL+"/github?x=y")
	t.Setenv(githubToken, "canary-actions")
	cfg := Config{Host: f.URL, Credentials: Credentials{Cloud: "azure", AuthType: "github-oidc-azure",
		AzureClientID: "app", AzureTenantID: "tenant"}}
	s := session(t, cfg, Settings{Transport: f})
	first := bearer(t, s)
	require.Eventually(t, func() bool {
		headers, err := s.Headers(t.Context())
		return !assert.NoError(t, err) || headers.Get("Authorization") != "Bearer "+first
	}, patience, 20*time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.oneUse, 2, "two id tokens")
	require.NotZero(t, f.refused, "the first one was refused when it was used again")
}
