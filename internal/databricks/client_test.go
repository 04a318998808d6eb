// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pre = unity.Location{Catalog: "cat", Schema: "sch", Prefix: "pre"}

// signedBy makes a client that signs with a token.
func signedBy(t *testing.T, w *databrickstest.Workspace, token string, set Settings) *Client {
	t.Helper()
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s, err := signin.New(signin.Config{Host: w.URL(), Credentials: signin.Credentials{AuthType: "pat",
		Token: "dapi-admin"}}, signin.Settings{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	if token != databrickstest.AdminToken {
		c, err := New(w.URL(), &http.Client{Transport: bearer{token, base}}, set)
		require.NoError(t, err)
		return c
	}
	c, err := New(s.Host(), &http.Client{Transport: s.RoundTripper(base)}, set)
	require.NoError(t, err)
	return c
}

type bearer struct {
	token string
	base  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.base.RoundTrip(r)
}

func TestCatalog(t *testing.T) {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateTables(pre, unity.LayoutV2)
	w.AddToken("dapi-writer", "writer@example.com")
	w.GrantWriting("writer@example.com", "cat.sch.pre_otel_spans")
	c := signedBy(t, w, databrickstest.AdminToken, Settings{})
	ctx := t.Context()

	me, err := c.Me(ctx)
	require.NoError(t, err)
	require.Equal(t, databrickstest.Admin, me.Name)
	ms, err := c.Metastore(ctx)
	require.NoError(t, err)
	require.Equal(t, Metastore{ID: databrickstest.MetastoreID, Name: "ms", Cloud: "aws", Region: databrickstest.Region},
		ms)
	ca, err := c.Catalog(ctx, "cat")
	require.NoError(t, err)
	require.Equal(t, databrickstest.Admin, ca.Owner)
	s, err := c.Schema(ctx, "cat", "sch")
	require.NoError(t, err)
	require.NotEmpty(t, s.ID)
	table, err := c.Table(ctx, pre.Table(unity.SignalSpans, unity.LayoutV2))
	require.NoError(t, err)
	require.Equal(t, "v2", table.Properties[unity.SchemaVersion])
	require.Equal(t, "MANAGED", table.Kind)
	require.NotEmpty(t, table.ID)
	diff, err := unity.Compare(unity.Columns(unity.SignalSpans, unity.LayoutV2), table.Columns)
	require.NoError(t, err)
	require.Empty(t, diff)

	on := OnTable(pre.Table(unity.SignalSpans, unity.LayoutV2))
	grants, err := c.EffectiveGrants(ctx, on, "writer@example.com")
	require.NoError(t, err)
	require.ElementsMatch(t, []Grant{
		{"writer@example.com", "MODIFY", ""}, {"writer@example.com", "SELECT", ""},
		{"writer@example.com", "USE_SCHEMA", "schema cat.sch"},
		{"writer@example.com", "USE_CATALOG", "catalog cat"},
	}, grants)
	w.AddPrincipal("reader@example.com")
	require.NoError(t, c.AddGrants(ctx, OnSchema("cat", "sch"), "reader@example.com", "USE SCHEMA", "SELECT"))
	require.Equal(t, []string{"SELECT", "USE_SCHEMA"}, w.Granted("reader@example.com", "cat.sch"))
	grants, err = c.Grants(ctx, OnSchema("cat", "sch"), "reader@example.com")
	require.NoError(t, err)
	require.Len(t, grants, 2)

	writer := signedBy(t, w, "dapi-writer", Settings{})
	for name, tc := range map[string]struct {
		err  func() error
		kind Kind
		text string
	}{
		"no table": {func() error {
			_, err := c.Table(ctx, unity.Name{Catalog: "cat", Schema: "sch", Table: "nope"})
			return err
		}, KindNotFound, "reading the table cat.sch.nope"},
		"no schema": {func() error { _, err := c.Schema(ctx, "cat", "nope"); return err }, KindNotFound,
			"SCHEMA_DOES_NOT_EXIST"},
		"no catalog": {func() error { _, err := c.Catalog(ctx, "nope"); return err }, KindNotFound,
			"CATALOG_DOES_NOT_EXIST"},
		"odd name": {func() error { _, err := c.Catalog(ctx, "a?b#c%20"); return err }, KindNotFound, "'a?b#c%20'"},
		"denied": {func() error {
			_, err := writer.Table(ctx, pre.Table(unity.SignalLogs, unity.LayoutV2))
			return err
		}, KindDenied,
			"User does not have SELECT"},
		"not owner": {func() error { _, err := writer.EffectiveGrants(ctx, on, ""); return err },
			KindDenied, "not an owner"},
		"nobody": {func() error { return c.AddGrants(ctx, on, "nobody", "SELECT") }, KindNotFound,
			"Could not find principal"},
		"bad token": {func() error { _, err := signedBy(t, w, "wrong", Settings{}).Me(ctx); return err }, KindSignIn,
			"Invalid access token"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.err()
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			require.ErrorContains(t, err, tc.text)
			require.False(t, Passes(err))
		})
	}
}

// What goes wrong on the way is told apart: whether anything else gets there, and whether it
// passes.
func TestTrouble(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for name, tc := range map[string]struct {
		handler http.HandlerFunc
		kind    Kind
		passes  bool
		text    string
	}{
		"overloaded": {answer(429, `{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"slow down"}`), KindBusy, true,
			"slow down (status 429, REQUEST_LIMIT_EXCEEDED)"},
		"maintenance": {answer(503, "<html>sorry</html>"), KindBusy, true, "status 503"},
		"fault":       {answer(500, `{"error_code":"INTERNAL_ERROR","message":"oops"}`), KindBusy, true, "oops"},
		"no such API": {answer(404,
			`{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for 'GET /preview/scim/v2/Me'"}`), KindNoRoute,
			false,
			"No API found"},
		"another server": {answer(404, "404 page not found\n"), KindNoRoute, false,
			"check that host is a workspace's address"},
		"a silent server": {func(_ http.ResponseWriter, r *http.Request) { wait(r, hang) }, KindSlow, true,
			"no answer in time"},
		"says nothing": {answer(200, "{}"), KindBadAnswer, false, "the answer has no user name"},
		"empty":        {answer(200, ""), KindBadAnswer, false, "the answer has no user name"},
		"a web page":   {answer(200, "<html>login</html>"), KindBadAnswer, false, "no JSON document"},
		"a login": {redirect("https://accounts.example.com/login?next=x"), KindNoRoute, false,
			"redirects to https://accounts.example.com/login;"},
		"private link": {redirect("/login.html?error=private-link-validation-error:1"), KindNoRoute,
			false, "Private Link"},
		"half an answer": {half, KindBusy, true, "closed before the answer was complete"},
		"connection lost": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, KindBusy, true,
			"closed the connection"},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) { wait(r, hang) }, KindSlow, true, "no answer in time"},
		"refused": {answer(403, `{"error_code":"PERMISSION_DENIED","message":"no"}`), KindDenied, false,
			"no (status 403, PERMISSION_DENIED)"},
		"token refused": {answer(403, `{"error_code":"403","message":"Invalid access token."}`), KindSignIn, false,
			"Invalid access token"},
		"token refused by number": {answer(403, `{"error_code":403,"message":"Invalid access token. [ReqId: 1]"}`),
			KindSignIn, false, "Invalid access token"},
		"token refused by reason": {reasons(403, "Invalid access token."), KindSignIn, false, "Invalid access token"},
		"only a reason":           {reasons(400, "Bad tenant"), KindInvalid, false, "Bad tenant"},
		"success with a reason": {reasons(200, "Workspace is disabled"), KindDenied, false,
			"Workspace is disabled"},
		"success without a token": {reasons(200, "Malformed token"), KindSignIn, false, "Malformed token"},
		"long message": {answer(400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"`+strings.Repeat("x",
			2000)+`"}`), KindInvalid, false, "x…"},
		"Unity Catalog": {answer(404, `{"error_code":"METASTORE_DOES_NOT_EXIST","message":"No metastore assigned"}`),
			KindNoRoute, false, "No metastore"},
		"exists": {answer(409, `{"error_code":"RESOURCE_ALREADY_EXISTS","message":"there"}`), KindExists, false,
			"there"},
		"exists, by text": {answer(400, `{"error_code":"BAD_REQUEST","message":"Data Monitor 'c.s.t' already exists"}`),
			KindExists, false, "already exists"},
		"exists, own code": {answer(400, `{"error_code":"SCHEMA_ALREADY_EXISTS","message":"Schema 'c.s'"}`), KindExists,
			false,
			"SCHEMA_ALREADY_EXISTS"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			t.Cleanup(server.Close)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			set := Settings{}
			if name == "a silent server" {
				set.Timeout = 20 * time.Millisecond
			} else if tc.kind == KindSlow {
				ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
				defer cancel()
			}
			c := plain(t, server.URL, set)
			begin := time.Now()
			_, err := c.Me(ctx)
			require.Equal(t, tc.kind, KindOf(err), "%v", err)
			require.Equal(t, tc.passes, Passes(err))
			require.ErrorContains(t, err, tc.text)
			require.Less(t, len(err.Error()), 500)
			require.Less(t, time.Since(begin), 2*time.Second, "nothing is tried again")
		})
	}
}

func TestUnreachable(t *testing.T) {
	for name, tc := range map[string]struct{ host, text string }{
		"refused": {"http://127.0.0.1:1", "nothing listens at 127.0.0.1:1"},
		"no TLS":  {"", "does not speak TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.host == "" {
				server := httptest.NewServer(answer(200, "{}"))
				t.Cleanup(server.Close)
				tc.host = strings.Replace(server.URL, "http:", "https:", 1)
			}
			begin := time.Now()
			_, err := plain(t, tc.host, Settings{}).Me(t.Context())
			require.Equal(t, KindUnreachable, KindOf(err), "%v", err)
			require.ErrorContains(t, err, tc.text)
			require.Less(t, time.Since(begin), 5*time.Second, "nothing is tried again")
		})
	}
	t.Run("unknown certificate", func(t *testing.T) {
		server := httptest.NewTLSServer(answer(200, "{}"))
		server.Config.ErrorLog = nil
		t.Cleanup(server.Close)
		_, err := plain(t, server.URL, Settings{}).Me(t.Context())
		require.Equal(t, KindUnreachable, KindOf(err), "%v", err)
		require.ErrorContains(t, err, "http::tls")
	})
}

// A sign-in that is refused is told apart from one that could not be made.
func TestSignIn(t *testing.T) {
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.AddServicePrincipal("app-1", "s3cret")
	session := func(secret, host string) *Client {
		s, err := signin.New(signin.Config{Host: host, Credentials: signin.Credentials{AuthType: "oauth-m2m",
			ClientID: "app-1", ClientSecret: "s3cret"}}, signin.Settings{})
		if secret != "s3cret" {
			s, err = signin.New(signin.Config{Host: host, Credentials: signin.Credentials{AuthType: "oauth-m2m",
				ClientID: "app-1", ClientSecret: "wr0ng"}}, signin.Settings{})
		}
		require.NoError(t, err)
		t.Cleanup(s.Close)
		base := http.DefaultTransport.(*http.Transport).Clone()
		t.Cleanup(base.CloseIdleConnections)
		c, err := New(s.Host(), &http.Client{Transport: s.RoundTripper(base)}, Settings{})
		require.NoError(t, err)
		return c
	}
	me, err := session("s3cret", w.URL()).Me(t.Context())
	require.NoError(t, err)
	require.Equal(t, "app-1", me.Name)
	_, err = session("wr0ng", w.URL()).Me(t.Context())
	require.Equal(t, KindSignIn, KindOf(err), "%v", err)
	require.ErrorContains(t, err, "invalid_client")
	require.NotContains(t, err.Error(), "wr0ng")
	_, err = session("s3cret", "http://127.0.0.1:1").Me(t.Context())
	require.Equal(t, KindUnreachable, KindOf(err), "%v", err)
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if strings.HasSuffix(r.URL.Path, "/token") {
			return &databrickstest.Fault{Status: 503}
		}
		return nil
	})
	_, err = session("s3cret", w.URL()).Me(t.Context())
	require.True(t, Passes(err), "%v", err)
}

func TestExperiment(t *testing.T) {
	uc := `{"experiment":{"experiment_id":"7","name":"/Shared/x","lifecycle_stage":"active",` +
		`"trace_location":{"uc_trace_location":{"catalog":"cat","schema":"sch",` +
		`"effective_table_prefix":"pre"}},"tags":[{"key":"mlflow.monitoring.sqlWarehouseId","value":"wh"}]}}`
	tags := `{"experiment":{"experiment_id":"8","name":"/Shared/y",` +
		`"tags":[{"key":"mlflow.experiment.databricksTraceSpanStorageTable","value":"cat.sch.other_otel_spans"}]}}`
	path := `{"experiment":{"experiment_id":"9","name":"/Shared/z","lifecycle_stage":"deleted",` +
		`"tags":[{"key":"mlflow.experiment.databricksTraceDestinationPath","value":"cat.sch.third"}]}}`
	old := `{"experiment":{"experiment_id":"10","tags":[{"key":"mlflow.experiment.databricksTraceDestinationPath",` +
		`"value":"cat.sch"}]}}`
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/2.0/mlflow/experiments/get", func(rw http.ResponseWriter, r *http.Request) {
		body := map[string]string{"7": uc, "8": tags, "9": path, "10": old,
			"11": `{"experiment":{"experiment_id":"11"}}`,
			"12": "{}"}[r.URL.Query().Get("experiment_id")]
		if body == "" {
			answer(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No experiment"}`)(rw, r)
			return
		}
		answer(200, body)(rw, r)
	})
	mux.HandleFunc("GET /api/2.0/mlflow/experiments/get-by-name", func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("experiment_name") == "/Shared/x" {
			answer(200, uc)(rw, r)
			return
		}
		answer(404, `{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"No experiment"}`)(rw, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c := plain(t, server.URL, Settings{})
	for id, want := range map[string]string{"7": "cat.sch.pre_otel_spans", "8": "cat.sch.other_otel_spans",
		"9":  "cat.sch.third_otel_spans",
		"10": "cat.sch.mlflow_experiment_trace_otel_spans", "11": ""} {
		x, err := c.Experiment(t.Context(), id)
		require.NoError(t, err)
		n, ok := x.SpansTable()
		require.Equal(t, want != "", ok, id)
		if ok {
			require.Equal(t, want, n.String())
		}
		require.Equal(t, id == "9", x.Deleted)
	}
	x, err := c.ExperimentByName(t.Context(), "/Shared/x")
	require.NoError(t, err)
	require.Equal(t, "7", x.ID)
	require.Equal(t, "wh", x.Tags[TagWarehouse])
	_, err = c.ExperimentByName(t.Context(), "/Shared/nope")
	require.Equal(t, KindNotFound, KindOf(err))
	_, err = c.Experiment(t.Context(), "12")
	require.Equal(t, KindBadAnswer, KindOf(err))
}

func TestGrantsComeInPages(t *testing.T) {
	page := 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		want := []string{"", "p1", "p2"}[page]
		if r.URL.Query().Get("page_token") != want {
			answer(400, "{}")(rw, r)
			return
		}
		page++
		next := []string{`,"next_page_token":"p1"`, `,"next_page_token":"p2"`, ""}[page-1]
		answer(200, `{"privilege_assignments":[{"principal":"a","privileges":[{"privilege":"SELECT"}]}]`+next+`}`)(rw,
			r)
	}))
	t.Cleanup(server.Close)
	grants, err := plain(t, server.URL, Settings{}).EffectiveGrants(t.Context(), OnCatalog("cat"), "")
	require.NoError(t, err)
	require.Len(t, grants, 3)

	endless := httptest.NewServer(answer(200, `{"next_page_token":"x"}`))
	t.Cleanup(endless.Close)
	_, err = plain(t, endless.URL, Settings{}).Grants(t.Context(), OnCatalog("cat"), "")
	require.Equal(t, KindBadAnswer, KindOf(err))
}

func TestAnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 70 {
			if _, err := rw.Write(chunk); err != nil {
				return
			}
		}
		_, _ = io.WriteString(rw, "{}")
	}))
	t.Cleanup(server.Close)
	_, err := plain(t, server.URL, Settings{}).Me(t.Context())
	require.Equal(t, KindBadAnswer, KindOf(err), "%v", err)
	require.ErrorContains(t, err, "larger than 64 MiB")
}

func TestUserAgent(t *testing.T) {
	var agents []string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		agents = append(agents, r.UserAgent())
		answer(200, `{"userName":"x"}`)(rw, r)
	}))
	t.Cleanup(server.Close)
	for _, agent := range []string{"otelcol-mlflow/1.2.3", ""} {
		_, err := plain(t, server.URL, Settings{UserAgent: agent}).Me(t.Context())
		require.NoError(t, err)
	}
	require.Equal(t, "otelcol-mlflow/1.2.3", agents[0])
	require.Contains(t, agents[1], "databricks-sdk-go/")
}

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	for _, host := range []string{"", "dbc-1.cloud.databricks.com", "https://"} {
		_, err := New(host, http.DefaultClient, Settings{})
		require.Error(t, err, host)
	}
}

func plain(t *testing.T, host string, set Settings) *Client {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	c, err := New(host, &http.Client{Transport: base}, set)
	require.NoError(t, err)
	return c
}

func answer(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

// reasons answers with a reason phrase and nothing else.
func reasons(status int, reason string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("X-Databricks-Reason-Phrase", reason)
		rw.WriteHeader(status)
	}
}

func redirect(to string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, to, http.StatusFound) }
}

func half(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(rw, `{"userName":"x`)
}

func wait(r *http.Request, until chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-until:
	}
}

// A server that echoes the credential in its error does not get it into messages.
func TestCredentialIsNotQuoted(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error_code": "ODD", "message": "you sent `+r.Header.Get("Authorization")+`"}`)
	}))
	t.Cleanup(server.Close)
	s, err := signin.New(signin.Config{Host: server.URL, Credentials: signin.Credentials{AuthType: "pat",
		Token: "an odd canary"}}, signin.Settings{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	c, err := New(s.Host(), &http.Client{Transport: s.RoundTripper(base)}, Settings{})
	require.NoError(t, err)
	_, err = c.Me(t.Context())
	require.ErrorContains(t, err, "you sent")
	require.NotContains(t, err.Error(), "canary")
}

// The client sends no faster than its setting, which may be above the SDK's 15 requests a second.
func TestRequestsPerSecond(t *testing.T) {
	server := httptest.NewServer(answer(200, `{"userName":"me"}`))
	t.Cleanup(server.Close)
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	takes := func(rate, requests int) time.Duration {
		c, err := New(server.URL, &http.Client{Transport: base}, Settings{RequestsPerSecond: rate})
		require.NoError(t, err)
		began := time.Now()
		for range requests {
			_, err := c.Me(t.Context())
			require.NoError(t, err)
		}
		return time.Since(began)
	}
	require.Greater(t, takes(5, 6), 150*time.Millisecond, "the sixth waits for a fifth of a second")
	require.Less(t, takes(100_000, 300), 15*time.Second, "at 15 a second these take 19 s")
}
