// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/service/iam"
	"github.com/stretchr/testify/require"
)

// clock is a time that tests move.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

func start(t *testing.T, o ...Options) *Workspace {
	w := New(o...)
	t.Cleanup(w.Close)
	return w
}

// sdk is a client of databricks-sdk-go that takes nothing from the environment.
func sdk(t *testing.T, c *config.Config) *client.DatabricksClient {
	c.Loaders = []config.Loader{config.ConfigAttributes}
	c.RetryTimeoutSeconds = 5
	out, err := client.New(c)
	require.NoError(t, err)
	return out
}

func admin(t *testing.T, w *Workspace) *client.DatabricksClient {
	return sdk(t, &config.Config{Host: w.URL(), Token: AdminToken})
}

func TestSignIn(t *testing.T) {
	ctx := context.Background()
	w := start(t)
	w.AddServicePrincipal("app-1", "s3cret")
	me, err := iam.NewCurrentUser(admin(t, w)).Me(ctx, iam.MeRequest{})
	require.NoError(t, err)
	require.Equal(t, Admin, me.UserName)
	require.Equal(t, WorkspaceID, w.RequestsTo("GET", "/api/")[0].Header.Get("X-Databricks-Workspace-Id"),
		"the SDK took the id from the metadata")

	me, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), ClientID: "app-1", ClientSecret: "s3cret",
		AuthType: "oauth-m2m"})).Me(ctx, iam.MeRequest{})
	require.NoError(t, err)
	require.Equal(t, "app-1", me.UserName)
	require.Equal(t, "app-1", w.RequestsTo("GET", "/api/")[1].Principal)

	_, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), ClientID: "app-1", ClientSecret: "wrong",
		AuthType: "oauth-m2m"})).Me(ctx, iam.MeRequest{})
	require.ErrorContains(t, err, "invalid_client")
	_, err = iam.NewCurrentUser(sdk(t, &config.Config{Host: w.URL(), Token: "unknown"})).Me(ctx, iam.MeRequest{})
	require.ErrorContains(t, err, "Invalid access token")
	require.Equal(t, http.StatusForbidden, w.Requests()[len(w.Requests())-1].Status)
}

// TestSignInAsRecorded compares the open routes with the recorded answers.
func TestSignInAsRecorded(t *testing.T) {
	w := start(t)
	w.AddServicePrincipal("client_id", "client_secret")
	host := func(e exchange) exchange {
		e.Response.Body = []byte(strings.ReplaceAll(string(e.Response.Body), "{host}", w.URL()))
		return e
	}
	metadata := fixture(t, "01_wellknown_databricks_config.json")
	requireAnswer(t, host(metadata["present"]), replay(t, w.URL(), "", metadata["present"]))
	w.Set(func(s *Switches) { s.HostMetadata = false })
	requireAnswer(t, metadata["absent"], replay(t, w.URL(), "", metadata["absent"]))

	oidc := fixture(t, "02_oidc_discovery_and_token.json")
	requireAnswer(t, host(oidc["discovery"]), replay(t, w.URL(), "", oidc["discovery"]))
	for name, secret := range map[string]string{"token_ok": "client_secret", "token_invalid_client": "wrong"} {
		e := oidc[name]
		form := map[string]string{
			"Content-Type":  "application/x-www-form-urlencoded",
			"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("client_id:"+secret)),
		}
		got := send(t, "POST", w.URL()+e.Request.Path, "", form, bytesOf(t, e.Request.Body))
		if name == "token_ok" {
			requireAnswer(t, e, got, "access_token")
		} else {
			requireAnswer(t, e, got)
		}
	}
	_, err := iam.NewCurrentUser(admin(t, w)).Me(context.Background(), iam.MeRequest{})
	require.NoError(t, err, "the SDK can do without metadata")
}

func TestTokensEnd(t *testing.T) {
	c := newClock()
	w := start(t, Options{Clock: c.Now})
	w.AddServicePrincipal("app-1", "s3cret")
	w.Set(func(s *Switches) { s.TokenLife = 10 * time.Minute })
	me := func(token string) int {
		return send(t, "GET", w.URL()+"/api/2.0/preview/scim/v2/Me", token, nil, nil).status
	}
	first := oauthToken(t, w, url.Values{})
	require.Equal(t, 200, me(first))
	c.Advance(10 * time.Minute)
	require.Equal(t, 403, me(first), "expired")
	second := oauthToken(t, w, url.Values{})
	require.Equal(t, 200, me(second))
	w.RevokeTokens("app-1")
	require.Equal(t, 403, me(second), "revoked")
	require.Equal(t, 200, me(oauthToken(t, w, url.Values{})), "the secret is still good")
	require.Equal(t, 200, me(AdminToken))
	require.Equal(t, 401, me(""))
	require.Equal(t, 403, me("unknown"))
	w.Set(func(s *Switches) { s.UnknownTokenStatus = 401 })
	require.Equal(t, 401, me("unknown"))
	require.Equal(t, 404, send(t, "GET", w.URL()+"/api/2.0/no/such/route", AdminToken, nil, nil).status)
}

func oauthToken(t *testing.T, w *Workspace, more url.Values) string {
	more.Set("grant_type", "client_credentials")
	more.Set("scope", "all-apis")
	more.Set("client_id", "app-1")
	more.Set("client_secret", "s3cret")
	got := send(t, "POST", w.URL()+"/oidc/v1/token", "",
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte(more.Encode()))
	require.Equal(t, 200, got.status, string(got.body))
	var doc struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(got.body, &doc))
	return doc.Token
}

// TestZerobus asks for the token of one table as the recorded client does, and writes with it.
func TestZerobus(t *testing.T) {
	w := ready(t)
	w.AddServicePrincipal("app-1", "s3cret")
	e := fixture(t, "03_zerobus_token.json")["token"]
	var form struct {
		Form struct {
			Resource string
			Details  json.RawMessage `json:"authorization_details"`
		} `json:"_form"`
	}
	require.NoError(t, json.Unmarshal(e.Request.Body, &form))
	ask := url.Values{
		"grant_type": {"client_credentials"}, "scope": {"all-apis"},
		"resource":              {strings.ReplaceAll(form.Form.Resource, "<workspace_id>", WorkspaceID)},
		"authorization_details": {string(form.Form.Details)},
	}
	header := map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic " +
			base64.StdEncoding.EncodeToString([]byte("app-1:s3cret")),
	}
	got := send(t, "POST", w.URL()+"/oidc/v1/token", "", header, []byte(ask.Encode()))
	require.Equal(t, 403, got.status, "nothing is granted")
	require.Contains(t, string(got.body), "USE_CATALOG")
	w.GrantWriting("app-1", spansTable, "cat.sch.pre_otel_logs")
	got = send(t, "POST", w.URL()+"/oidc/v1/token", "", header, []byte(ask.Encode()))
	requireAnswer(t, e, got, "access_token")
	var token struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(got.body, &token))

	answers := fixture(t, "13_zerobus_otlp.json")
	write := func(token, path, table string) reply {
		return send(t, "POST", w.ZerobusURL()+path, token, map[string]string{"Content-Type": "application/x-protobuf",
			zerobusHeader: table}, spans(t, 1, 2, 3))
	}
	requireAnswer(t, answers["http_ok"], write(token.Token, "/v1/traces", spansTable))
	require.Len(t, w.Rows(spansTable), 3)
	requireAnswer(t, answers["http_401"], write(token.Token, "/v1/logs", "cat.sch.pre_otel_logs"), "message")
	requireAnswer(t, answers["http_401"], write(oauthToken(t, w, url.Values{}), "/v1/traces", spansTable))
	require.Equal(t, 404, write(token.Token, "/api/2.0/otel/v1/traces", spansTable).status, "the workspace's path")
	w.SetOutcome("", Throttle("1"))
	requireAnswer(t, answers["http_429"], write(token.Token, "/v1/traces", spansTable))
	w.SetOutcome("", Refuse(503))
	requireAnswer(t, answers["http_503"], write(token.Token, "/v1/traces", spansTable))
	w.SetOutcome("", Partly(2))
	got = write(token.Token, "/v1/traces", spansTable)
	require.Equal(t, canonical(t, bytesOf(t, answers["http_partial"].Response.Body)), canonical(t, got.body))
	require.Len(t, w.Rows(spansTable), 4)
	w.RevokeTokens("app-1")
	require.Equal(t, 403, write(token.Token, "/v1/traces", spansTable).status)
}

func TestFaults(t *testing.T) {
	w := start(t)
	url := w.URL() + "/api/2.0/preview/scim/v2/Me"
	w.SetFault(func(r *http.Request) *Fault {
		return &Fault{Status: 429, Code: "REQUEST_LIMIT_EXCEEDED", Body: "slow down",
			Header: http.Header{"Retry-After": {"7"}}}
	})
	got := send(t, "GET", url, AdminToken, nil, nil)
	require.Equal(t, 429, got.status)
	require.Equal(t, "7", got.header.Get("Retry-After"))
	w.SetFault(func(*http.Request) *Fault { return &Fault{Reset: true} })
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader("x"))
	require.NoError(t, err)
	_, err = http.DefaultTransport.RoundTrip(req)
	require.Error(t, err)
	require.Zero(t, w.Requests()[1].Status)
	w.SetFault(func(*http.Request) *Fault { return &Fault{Status: 502, Body: "<html>"} })
	require.Equal(t, "<html>", string(send(t, "GET", url, AdminToken, nil, nil).body))
	w.SetFault(nil)
	require.Equal(t, 200, send(t, "GET", url, AdminToken, nil, nil).status)
	require.Equal(t, 3, w.Count("GET", "/api/2.0/preview"))
	w.Set(func(s *Switches) { s.ForgetBodies = true })
	send(t, "POST", url, AdminToken, nil, []byte("secret"))
	last := w.Requests()[len(w.Requests())-1]
	require.Nil(t, last.Body)
	require.Equal(t, 6, last.Size)
	w.ForgetRequests()
	require.Empty(t, w.Requests())
	require.Panics(t, func() { New(Options{Address: "0.0.0.0:0"}) })
}
