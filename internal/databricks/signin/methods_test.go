package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
)

// cloudFake plays everybody whom the ways to sign in talk to: the workspace's token endpoint, GitHub, Azure DevOps, Entra ID, the metadata service of an Azure machine, Google,
// a local metadata service. Requests to other machines are led to it by its transport.
type cloudFake struct {
	*httptest.Server
	to    string // where its transport leads requests, if not to itself
	mu    sync.Mutex
	asked []string // "METHOD host path"
	forms []url.Values

	life    time.Duration   // of tokens of Entra ID, 0 is an hour
	oneUse  map[string]bool // not nil: id tokens of GitHub differ, and Entra ID takes each once
	refused int
}

func newCloud(t *testing.T) *cloudFake {
	f := &cloudFake{}
	f.Server = httptest.NewServer(f)
	f.to = f.URL
	t.Cleanup(f.Close)
	return f
}

// RoundTrip leads every request to the fake, which sees where it was meant for.
func (f *cloudFake) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Meant-For", r.URL.Host)
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(f.to, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

func (f *cloudFake) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f.mu.Lock()
	meant := r.Header.Get("X-Meant-For")
	if meant == "" || "http://"+meant == f.URL {
		meant = "workspace"
	}
	f.asked = append(f.asked, r.Method+" "+meant+" "+r.URL.Path)
	f.forms = append(f.forms, r.Form)
	f.mu.Unlock()
	say := func(document map[string]any) {
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(document)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	life := time.Hour
	if f.life != 0 {
		life = f.life
	}
	later := fmt.Sprint(time.Now().Add(life).Unix())
	switch r.URL.Path {
	case "/oidc/.well-known/oauth-authorization-server":
		say(map[string]any{"authorization_endpoint": "https://x", "token_endpoint": f.URL + tokenPath})
	case tokenPath:
		if want := r.Form.Get("subject_token"); want != "" && want != "canary-id-token" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		say(map[string]any{"access_token": "workspace-token", "token_type": "Bearer", "expires_in": 3600})
	case "/github":
		if r.Header.Get("Authorization") != "Bearer canary-actions" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		id := "canary-id-token"
		if f.oneUse != nil {
			id = fmt.Sprintf("%s-%d", id, len(f.asked))
		}
		say(map[string]any{"value": id})
	case "/project/_apis/distributedtask/hubs/build/plans/plan/jobs/job/oidctoken":
		say(map[string]any{"oidcToken": "canary-id-token"})
	case "/tenant/oauth2/token": // Entra ID
		assertion, name := r.Form.Get("client_assertion"), "entra-"
		if f.oneUse != nil {
			if f.oneUse[assertion] {
				f.refused++
				rw.WriteHeader(http.StatusUnauthorized)
				_, _ = rw.Write([]byte(`{"error":"invalid_client","error_description":"AADSTS700024: Client assertion is not within its valid time range. Trace ID: 1"}`))
				return
			}
			f.oneUse[assertion] = true
			name += assertion
		}
		say(map[string]any{"access_token": name + r.Form.Get("resource"), "token_type": "Bearer", "expires_in": "3600", "expires_on": later})
	case "/metadata/identity/oauth2/token": // the metadata service of an Azure machine
		if r.Header.Get("Metadata") != "true" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		say(map[string]any{"access_token": "msi-" + r.Form.Get("resource"), "token_type": "Bearer", "expires_on": later})
	case "/local/canary-path":
		say(map[string]any{"access_token": "local-token", "token_type": "Bearer", "expires_on": later})
	case "/google":
		say(map[string]any{"access_token": "google-access", "id_token": unsigned(time.Now().Add(time.Hour)), "token_type": "Bearer", "expires_in": 3600})
	case "/aad/auth":
		http.Redirect(rw, r, "https://login.example.com/tenant/oauth2/authorize", http.StatusFound)
	default:
		http.NotFound(rw, r)
	}
}

// unsigned is a JWT whose signature nobody checks.
func unsigned(expires time.Time) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix())) + ".c2ln"
}

// program writes a program that prints a text. The SDK takes no small file for the Databricks CLI.
func program(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	script := "#!/bin/sh\ncase \"$*\" in version) echo 'Databricks CLI v0.300.0';; *) cat <<'END'\n" + text + "\nEND\n;; esac\nexit 0\n" + strings.Repeat("#", 1<<20)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}

const (
	azureApp        = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
	azureManagement = "https://management.core.windows.net/"
)

// Every way to sign in leads to the headers that it should, through the transport of the session, and to nobody but those whom it names.
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
			func(_ *testing.T, _ *cloudFake, c *Credentials) { c.Token = "canary-pat" }, map[string]string{"Authorization": "Bearer canary-pat"}, nil, "",
		},
		"oauth-m2m": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.ClientID, c.ClientSecret, c.Scopes = "app", "canary-secret", []string{"sql", "mlflow"}
			}, map[string]string{"Authorization": "Bearer workspace-token"}, []string{wellKnown, token}, "scope=mlflow sql",
		},
		"file-oidc": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.ClientID, c.OIDCTokenFilepath = "app", filepath.Join(t.TempDir(), "token")
				require.NoError(t, os.WriteFile(c.OIDCTokenFilepath, []byte("canary-id-token"), 0o600))
			}, map[string]string{"Authorization": "Bearer workspace-token"}, []string{wellKnown, token}, "client_id=app",
		},
		"env-oidc": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.OIDCTokenEnv = "SOME_TOKEN"
				t.Setenv("SOME_TOKEN", "canary-id-token")
			}, map[string]string{"Authorization": "Bearer workspace-token"}, []string{wellKnown, token}, "subject_token=canary-id-token",
		},
		"github-oidc": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.AuthType, c.ClientID, c.Audience = "github-oidc", "app", "my-audience"
				t.Setenv(githubURL, f.URL+"/github?x=y")
				t.Setenv(githubToken, "canary-actions")
			}, map[string]string{"Authorization": "Bearer workspace-token"}, []string{wellKnown, "GET workspace /github", token}, "subject_token=canary-id-token",
		},
		"azure-devops-oidc": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.AuthType, c.ClientID = "azure-devops-oidc", "app"
				for k, v := range map[string]string{
					"SYSTEM_ACCESSTOKEN": "canary-devops", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI": f.URL, "SYSTEM_PLANID": "plan", "SYSTEM_JOBID": "job",
					"SYSTEM_TEAMPROJECTID": "project", "SYSTEM_HOSTTYPE": "build",
				} {
					t.Setenv(k, v)
				}
			}, map[string]string{"Authorization": "Bearer workspace-token"},
			[]string{wellKnown, "POST workspace /project/_apis/distributedtask/hubs/build/plans/plan/jobs/job/oidctoken", token}, "subject_token=canary-id-token",
		},
		"metadata-service": {
			func(_ *testing.T, f *cloudFake, c *Credentials) {
				c.MetadataServiceURL = configopaque.String(f.URL + "/local/canary-path")
			}, map[string]string{"Authorization": "Bearer local-token"}, []string{"GET workspace /local/canary-path", "GET workspace /local/canary-path"}, "", // the SDK tries it first
		},
		"databricks-cli": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.DatabricksCLIPath = program(t, t.TempDir(), "databricks", `{"access_token":"cli-token","token_type":"Bearer","expiry":"2099-01-01T00:00:00Z"}`)
			}, map[string]string{"Authorization": "Bearer cli-token"}, nil, "",
		},
		"azure-client-secret": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AzureClientID, c.AzureClientSecret, c.AzureTenantID, c.AzureResourceID = "azure", "app", "canary-azure", "tenant", "/subscriptions/1"
			},
			map[string]string{
				"Authorization": "Bearer entra-" + azureApp, "X-Databricks-Azure-Sp-Management-Token": "entra-" + azureManagement,
				"X-Databricks-Azure-Workspace-Resource-Id": "/subscriptions/1",
			},
			[]string{"POST login.microsoftonline.com /tenant/oauth2/token", "POST login.microsoftonline.com /tenant/oauth2/token"}, "grant_type=client_credentials",
		},
		"azure-msi": {
			func(_ *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureClientID = "azure", "azure-msi", "identity"
			},
			map[string]string{"Authorization": "Bearer msi-" + azureApp, "X-Databricks-Azure-Sp-Management-Token": "msi-" + azureManagement},
			[]string{"GET 169.254.169.254 /metadata/identity/oauth2/token", "GET 169.254.169.254 /metadata/identity/oauth2/token"}, "client_id=identity",
		},
		"github-oidc-azure": {
			func(t *testing.T, f *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureClientID, c.AzureTenantID = "azure", "github-oidc-azure", "app", "tenant"
				t.Setenv(githubURL, f.URL+"/github?x=y")
				t.Setenv(githubToken, "canary-actions")
			}, map[string]string{"Authorization": "Bearer entra-" + azureApp}, []string{"GET workspace /github", "POST login.microsoftonline.com /tenant/oauth2/token"},
			"client_assertion=canary-id-token",
		},
		"azure-cli": {
			func(t *testing.T, _ *cloudFake, c *Credentials) {
				c.Cloud, c.AuthType, c.AzureTenantID = "azure", "azure-cli", "tenant"
				dir := t.TempDir()
				program(t, dir, "az", `{"user":{"type":"user"},"accessToken":"az-token","tokenType":"Bearer","expiresOn":"2099-01-01 00:00:00.000000"}`)
				t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			}, map[string]string{"Authorization": "Bearer az-token", "X-Databricks-Azure-Sp-Management-Token": "az-token"}, nil, "",
		},
		"google-credentials": {
			func(_ *testing.T, f *cloudFake, c *Credentials) {
				text, _ := json.Marshal(map[string]string{
					"type": "service_account", "client_email": "a@b", "private_key_id": "1", "token_uri": f.URL + "/google",
					"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
				})
				c.Cloud, c.GoogleCredentials = "gcp", configopaque.String(text)
			}, map[string]string{"X-Databricks-Gcp-Sa-Access-Token": "google-access"}, []string{"POST workspace /google", "POST workspace /google"}, "",
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
		require.Equal(t, m.name != "google-id", tried, "%s: impersonation at Google goes over connections of Google's own library, all others are tried", m.name)
	}
}

// What a way to sign in needs from its surroundings is missing: the start says what, or the first sign-in does.
func TestSurroundingsAreMissing(t *testing.T) {
	f := newCloud(t)
	for _, name := range []string{githubURL, githubToken, "SYSTEM_ACCESSTOKEN", "SOME_TOKEN"} {
		t.Setenv(name, "")
	}
	for want, c := range map[string]Credentials{
		"auth_type: github-oidc reads the environment variable " + githubURL + ", which is not set; the GitHub workflow needs": {AuthType: "github-oidc"},
		"auth_type: azure-devops-oidc reads the environment variable SYSTEM_ACCESSTOKEN, which is not set; map":                {AuthType: "azure-devops-oidc"},
		"auth_type: env-oidc reads the environment variable SOME_TOKEN, which is not set":                                      {OIDCTokenEnv: "SOME_TOKEN"},
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

// An id token of GitHub is good for minutes, and the SDK keeps the first one for ever: when Entra ID refuses it later, the session starts over with a fresh one, unseen.
func TestStartsOverWhenRefusedLater(t *testing.T) {
	f := newCloud(t)
	f.oneUse, f.life = map[string]bool{}, 2*time.Second
	t.Setenv(githubURL, f.URL+"/github?x=y")
	t.Setenv(githubToken, "canary-actions")
	cfg := Config{Host: f.URL, Credentials: Credentials{Cloud: "azure", AuthType: "github-oidc-azure", AzureClientID: "app", AzureTenantID: "tenant"}}
	s := session(t, cfg, Settings{Transport: f})
	first := bearer(t, s)
	require.Eventually(t, func() bool { return bearer(t, s) != first }, patience, 20*time.Millisecond)
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(t, f.oneUse, 2, "two id tokens")
	require.NotZero(t, f.refused, "the first one was refused when it was used again")
}
