// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cloudFake plays everybody whom the ways to sign in talk to: the workspace's token endpoint,
// GitHub, Azure DevOps, Entra ID, the metadata service of an Azure machine, Google, a local
// metadata service. Requests to other machines are led to it by its transport.
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
	later := strconv.FormatInt(time.Now().Add(life).Unix(), 10)
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
				_, _ = rw.Write([]byte(`{"error":"invalid_client","error_description":"AADSTS700024: Client ` +
					`assertion is not within its valid time range. Trace ID: 1"}`))
				return
			}
			f.oneUse[assertion] = true
			name += assertion
		}
		say(map[string]any{"access_token": name + r.Form.Get("resource"), "token_type": "Bearer", "expires_in": "3600",
			"expires_on": later})
	case "/metadata/identity/oauth2/token": // the metadata service of an Azure machine
		if r.Header.Get("Metadata") != "true" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		say(map[string]any{"access_token": "msi-" + r.Form.Get("resource"), "token_type": "Bearer",
			"expires_on": later})
	case "/local/canary-path":
		say(map[string]any{"access_token": "local-token", "token_type": "Bearer", "expires_on": later})
	case "/google":
		say(map[string]any{"access_token": "google-access", "id_token": unsigned(time.Now().Add(time.Hour)),
			"token_type": "Bearer", "expires_in": 3600})
	case "/aad/auth":
		http.Redirect(rw, r, "https://login.example.com/tenant/oauth2/authorize", http.StatusFound)
	default:
		http.NotFound(rw, r)
	}
}

// unsigned is a JWT whose signature nobody checks.
func unsigned(expires time.Time) string {
	return "eyJhbGciOiJub25lIn0." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, expires.Unix())) + ".c2ln"
}

// program writes a program that prints a text. The SDK takes no small file for the Databricks CLI.
func program(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	script := "#!/bin/sh\ncase \"$*\" in version) echo 'Databricks CLI v0.300.0';; *) cat <<'END'\n" + text +
		"\nEND\n;; esac\nexit 0\n" + strings.Repeat("#", 1<<20)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700))
	return path
}
