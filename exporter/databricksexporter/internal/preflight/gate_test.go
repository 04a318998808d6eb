package preflight

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/destination"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app      = "11111111-2222-3333-4444-555555555555"
	table    = "cat.sch.pre_otel_spans"
	patience = 20 * time.Second // for what comes within milliseconds on a machine with time
)

var spansOnly = destination.Destination{Signal: unity.Spans, Layout: unity.V2, Table: pre.Table(unity.Spans, unity.V2), Location: pre}

// workspace has the tables and a service principal with all grants.
func workspace(t *testing.T) *databrickstest.Workspace {
	t.Helper()
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateTables(pre, unity.V2)
	w.AddServicePrincipal(app, "s3cret")
	w.GrantWriting(app, table)
	return w
}

// signed is a client of the service principal.
func signed(t *testing.T, host, secret string) *databricks.Client {
	t.Helper()
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s, err := signin.New(signin.Config{Host: host, Credentials: signin.Credentials{AuthType: "oauth-m2m", ClientID: app, ClientSecret: "s3cret"}}, signin.Settings{})
	if secret != "s3cret" {
		s, err = signin.New(signin.Config{Host: host, Credentials: signin.Credentials{AuthType: "oauth-m2m", ClientID: app, ClientSecret: "old"}}, signin.Settings{})
	}
	require.NoError(t, err)
	t.Cleanup(s.Close)
	sends := &http.Client{Transport: s.RoundTripper(base)}
	c, err := databricks.New(s.Host(), sends, databricks.Settings{RequestsPerSecond: 10_000})
	require.NoError(t, err)
	return c
}

func newGate(t *testing.T, c *databricks.Client, change ...func(*Settings)) (*Gate, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	set := Settings{
		Client: c, OnFailure: Hold, Logger: zap.New(core), Wait: patience, Again: 5 * time.Millisecond, AgainMost: 20 * time.Millisecond, Reconnect: 5 * time.Millisecond,
		Calm: time.Millisecond,
	}
	for _, f := range change {
		f(&set)
	}
	g := NewGate(set)
	t.Cleanup(func() { require.NoError(t, g.Shutdown(context.WithoutCancel(t.Context()))) })
	return g, logs
}

// settle waits for the first answers.
func settle(t *testing.T, g *Gate, d destination.Destination) {
	t.Helper()
	select {
	case <-g.look(d).first:
	case <-time.After(patience):
		t.Fatal("preflight found nothing")
	}
}

func hold(status int, code, body string) *databrickstest.Fault {
	return &databrickstest.Fault{Status: status, Code: code, Body: body}
}

// Each thing that can be missing, found over HTTP, holds or does not hold.
func TestWhatIsMissing(t *testing.T) {
	experiment := func(body string) func(*databrickstest.Workspace) {
		return func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.HasSuffix(r.URL.Path, "/experiments/get") {
					return &databrickstest.Fault{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}
				}
				return nil
			})
		}
	}
	for name, tc := range map[string]struct {
		arrange func(*databrickstest.Workspace)
		d       destination.Destination
		check   Check
		weight  Weight
		text    string
	}{
		"nothing":        {func(*databrickstest.Workspace) {}, spansOnly, "", 0, ""},
		"catalog":        {func(*databrickstest.Workspace) {}, to("nope", "sch", "pre"), CheckCatalog, Fault, "the catalog nope"},
		"schema":         {func(*databrickstest.Workspace) {}, to("cat", "nope", "pre"), CheckSchema, Fault, "the schema cat.nope"},
		"table":          {func(w *databrickstest.Workspace) { w.DropTable(table) }, spansOnly, CheckTable, Fault, "the table " + table},
		"layout":         {func(w *databrickstest.Workspace) { w.SetProperty(table, unity.SchemaVersion, "v1") }, spansOnly, CheckLayout, Fault, "`layout: v1`"},
		"property":       {func(w *databrickstest.Workspace) { w.SetProperty(table, unity.SchemaVersion, "") }, spansOnly, CheckLayout, Advice, "SET TBLPROPERTIES"},
		"column":         {func(w *databrickstest.Workspace) { w.DropColumn(table, "flags") }, spansOnly, CheckColumns, Fault, "ADD COLUMNS (flags INT)"},
		"type":           {func(w *databrickstest.Workspace) { w.SetColumnType(table, "attributes", "string") }, spansOnly, CheckColumns, Fault, "attributes is STRING"},
		"MODIFY":         {func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") }, spansOnly, CheckGrants, Fault, "GRANT MODIFY ON TABLE `cat`.`sch`.`pre_otel_spans` TO `" + app + "`"},
		"SELECT":         {func(w *databrickstest.Workspace) { w.Revoke(app, table, "SELECT") }, spansOnly, CheckGrants, Fault, "GRANT SELECT ON TABLE"},
		"all grants":     {func(w *databrickstest.Workspace) { w.Revoke(app, table) }, spansOnly, CheckGrants, Fault, "User does not have SELECT on Table"},
		"USE_SCHEMA":     {func(w *databrickstest.Workspace) { w.Revoke(app, "cat.sch") }, spansOnly, CheckGrants, Fault, "GRANT USE SCHEMA ON SCHEMA `cat`.`sch`"},
		"USE_CATALOG":    {func(w *databrickstest.Workspace) { w.Revoke(app, "cat") }, spansOnly, CheckGrants, Fault, "GRANT USE CATALOG ON CATALOG `cat`"},
		"ALL_PRIVILEGES": {allPrivileges, spansOnly, CheckGrants, Fault, "ALL_PRIVILEGES is not enough"},
		"owning": {func(w *databrickstest.Workspace) {
			w.Revoke(app, table)
			w.SetOwner(table, app)
		}, spansOnly, CheckGrants, Fault, "owning it is not enough"},
		"grant on the schema": {func(w *databrickstest.Workspace) {
			w.Revoke(app, table)
			w.Grant(app, "cat.sch", "MODIFY", "SELECT")
		}, spansOnly, "", 0, ""},
		"grant of a group, seen": {func(w *databrickstest.Workspace) {
			throughGroup(w)
			w.Grant(app, table, "MANAGE")
		}, spansOnly, "", 0, ""},
		"grant of a group, hidden": {throughGroup, spansOnly, CheckGrants, Unknown, "unless through writers"},
		"group without grants": {func(w *databrickstest.Workspace) {
			throughGroup(w)
			w.Grant(app, table, "MANAGE")
			w.Revoke("writers", table)
		}, spansOnly, CheckGrants, Fault, "lacks MODIFY and SELECT"},
		"grants can't be read": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/effective-permissions/") {
					return hold(403, "PERMISSION_DENIED", "not yours to read")
				}
				return nil
			})
		}, spansOnly, CheckGrants, Unknown, "not yours to read"},
		"experiment linked": {experiment(`{"experiment":{"experiment_id":"7","tags":[{"key":"mlflow.experiment.databricksTraceSpanStorageTable","value":"` + table +
			`"},{"key":"mlflow.monitoring.sqlWarehouseId","value":"wh"}]}}`), spans, "", 0, ""},
		"experiment linked elsewhere": {experiment(`{"experiment":{"experiment_id":"7","tags":[{"key":"mlflow.experiment.databricksTraceSpanStorageTable","value":"cat.sch.other_otel_spans"}]}}`),
			spans, CheckExperiment, Advice, "is linked to cat.sch.other_otel_spans"},
		"experiment not linked": {experiment(`{"experiment":{"experiment_id":"7"}}`), spans, CheckExperiment, Advice, "not linked"},
		"experiment without warehouse": {experiment(`{"experiment":{"experiment_id":"7","tags":[{"key":"mlflow.experiment.databricksTraceSpanStorageTable","value":"` + table + `"}]}}`),
			spans, CheckExperiment, Advice, "names no SQL warehouse"},
		"workspace without Unity Catalog": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/unity-catalog/") {
					return hold(404, "ENDPOINT_NOT_FOUND", "No API found")
				}
				return nil
			})
		}, spansOnly, CheckReach, Fault, "has no Unity Catalog"},
		"overloaded": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/unity-catalog/") {
					return hold(503, "TEMPORARILY_UNAVAILABLE", "later")
				}
				return nil
			})
		}, spansOnly, CheckTable, Unknown, "later"},
		"token ended": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.HasPrefix(r.URL.Path, "/api/") {
					return hold(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
				}
				return nil
			})
		}, spansOnly, CheckSignIn, Fault, "personal access tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			tc.arrange(w)
			g, _ := newGate(t, signed(t, w.URL(), "s3cret"))
			settle(t, g, tc.d)
			found := g.Findings(tc.d)
			if tc.check == "" {
				require.Empty(t, found)
				require.Empty(t, g.Problems(tc.d))
				require.NoError(t, g.Hold(tc.d))
				return
			}
			require.Len(t, found, 1, "%v", found)
			require.Equal(t, tc.check, found[0].Check)
			require.Equal(t, tc.weight, found[0].Weight, found[0])
			require.Contains(t, found[0].String(), tc.text)
			require.Equal(t, []string{found[0].String()}, g.Problems(tc.d))
			if tc.weight == Fault {
				require.EqualError(t, g.Hold(tc.d), found[0].String())
			} else {
				require.NoError(t, g.Hold(tc.d))
			}
			for _, r := range w.Requests() {
				if strings.HasPrefix(r.Path, "/api/") {
					require.Equal(t, "GET", r.Method, "preflight only reads: %s", r.Path)
					require.NotContains(t, r.Path, "/sql/", "and needs no warehouse")
				}
			}
		})
	}
}

func to(catalog, schema, prefix string) destination.Destination {
	l := unity.Location{Catalog: catalog, Schema: schema, Prefix: prefix}
	return destination.Destination{Signal: unity.Spans, Layout: unity.V2, Table: l.Table(unity.Spans, unity.V2), Location: l}
}

func allPrivileges(w *databrickstest.Workspace) {
	w.Revoke(app, table)
	w.Grant(app, table, "ALL PRIVILEGES")
}

func throughGroup(w *databrickstest.Workspace) {
	w.Revoke(app, table)
	w.Grant(app, table, "BROWSE")
	w.JoinGroup(app, "writers")
	w.JoinGroup(app, "users") // the workspace's own, no matter for Unity Catalog
	w.Grant("writers", table, "MODIFY", "SELECT")
}

// A sign-in that is refused holds; a workspace that can't be reached holds too, but fails no start.
func TestSignInAndReach(t *testing.T) {
	w := workspace(t)
	g, _ := newGate(t, signed(t, w.URL(), "old"))
	settle(t, g, spansOnly)
	require.ErrorContains(t, g.Hold(spansOnly), "invalid_client")
	require.ErrorContains(t, g.Hold(spansOnly), "auth_type: oauth-m2m")

	g, _ = newGate(t, signed(t, "http://127.0.0.1:1", "s3cret"), func(s *Settings) { s.OnFailure = Fail })
	require.NoError(t, g.Start(t.Context(), []destination.Destination{spansOnly}))
	var held *destination.Held
	require.ErrorAs(t, g.Hold(spansOnly), &held)
	require.True(t, held.Passes)
	require.ErrorContains(t, held, "can't be reached")
}

func TestStart(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for name, tc := range map[string]struct {
		mode    OnFailure
		arrange func(*databrickstest.Workspace)
		start   string
		hold    bool
	}{
		"fail, all well":        {Fail, func(*databrickstest.Workspace) {}, "", false},
		"fail, definite":        {Fail, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") }, "preflight: " + app + " lacks MODIFY", true},
		"fail, unknown":         {Fail, throughGroup, "", false},
		"hold starts all right": {Hold, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") }, "", true},
		"warn never holds":      {Warn, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") }, "", false},
		"fail, hangs": {Fail, func(w *databrickstest.Workspace) {
			w.SetFault(func(*http.Request) *databrickstest.Fault { return &databrickstest.Fault{Until: never} })
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			tc.arrange(w)
			hangs := strings.HasSuffix(name, "hangs")
			g, logs := newGate(t, signed(t, w.URL(), "s3cret"), func(s *Settings) {
				s.OnFailure = tc.mode
				if hangs {
					s.Wait = 10 * time.Millisecond
				}
			})
			err := g.Start(t.Context(), []destination.Destination{spansOnly})
			if tc.start == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.start)
			}
			if hangs { // data does not wait for ever for a workspace that does not answer
				require.Eventually(t, func() bool { return g.Hold(spansOnly) == nil }, patience, time.Millisecond)
				return
			}
			settle(t, g, spansOnly)
			require.Equal(t, tc.hold, g.Hold(spansOnly) != nil)
			if tc.mode == Warn {
				require.Eventually(t, func() bool { return logs.FilterMessageSnippet("data is sent all the same").Len() == 1 }, patience, time.Millisecond)
			}
		})
	}
}

// The experiment that the route names is read from the workspace; it never holds data.
func TestExperimentOfTheWorkspace(t *testing.T) {
	w := workspace(t)
	at := func(id string) destination.Destination {
		d := spansOnly
		d.Experiment = id
		return d
	}
	linked, elsewhere, ordinary := w.CreateExperiment("/Shared/linked", &pre), w.CreateExperiment("/Shared/elsewhere", &unity.Location{Catalog: "cat", Schema: "sch", Prefix: "other"}),
		w.CreateExperiment("/Shared/ordinary", nil)
	g, _ := newGate(t, signed(t, w.URL(), "s3cret"))
	for id, text := range map[string]string{
		linked: "names no SQL warehouse", elsewhere: "(/Shared/elsewhere) is linked to cat.sch.other_otel_spans", ordinary: "(/Shared/ordinary) is not linked to Unity Catalog",
		"4711": "the experiment 4711 does not exist",
	} {
		settle(t, g, at(id))
		found := g.Findings(at(id))
		require.Len(t, found, 1, id)
		require.Equal(t, CheckExperiment, found[0].Check)
		require.Equal(t, Advice, found[0].Weight)
		require.Contains(t, found[0].Message, text)
		require.NoError(t, g.Hold(at(id)))
	}
}

// A hold ends by itself when the grant is given, and it says so.
func TestMended(t *testing.T) {
	w := workspace(t)
	w.Revoke(app, table, "MODIFY")
	g, logs := newGate(t, signed(t, w.URL(), "s3cret"))
	var held *destination.Held
	require.ErrorAs(t, g.Hold(spansOnly), &held)
	require.True(t, held.Looking && !held.Passes)
	settle(t, g, spansOnly)
	require.ErrorAs(t, g.Hold(spansOnly), &held)
	require.True(t, !held.Looking && !held.Passes, "somebody has to mend it")
	require.ErrorContains(t, held, "GRANT MODIFY")
	w.Grant(app, table, "MODIFY")
	require.Eventually(t, func() bool { return g.Hold(spansOnly) == nil }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("mended, data flows").Len() == 1 }, patience, time.Millisecond)
	require.Equal(t, 1, logs.FilterMessageSnippet("lacks MODIFY").Len(), "said once, however often it is looked at")
}

// Once all is well nobody asks any more, until the ingest endpoint refuses.
func TestRefused(t *testing.T) {
	w := workspace(t)
	g, _ := newGate(t, signed(t, w.URL(), "s3cret"), func(s *Settings) { s.Again = time.Minute })
	settle(t, g, spansOnly)
	require.NoError(t, g.Hold(spansOnly))
	asked := len(w.Requests())
	require.Empty(t, g.Refused(spansOnly), "nothing is known yet")
	require.Eventually(t, func() bool { return strings.Contains(g.Refused(spansOnly), "the region aws "+databrickstest.Region) }, patience, time.Millisecond)
	require.Greater(t, len(w.Requests()), asked)
	require.NoError(t, g.Hold(spansOnly), "what ingest refuses is tried again by sending")

	w.DropTable(table)
	require.Eventually(t, func() bool { return strings.Contains(g.Refused(spansOnly), "the table "+table+" does not exist") }, patience, time.Millisecond)
	require.ErrorContains(t, g.Hold(spansOnly), "CREATE TABLE")
}

// The trouble of one destination delays no other.
func TestDestinationsAreApart(t *testing.T) {
	w := workspace(t)
	w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "slow"}, unity.V2)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if strings.Contains(r.URL.Path, "slow_otel_spans") {
			return &databrickstest.Fault{Until: never}
		}
		return nil
	})
	g, _ := newGate(t, signed(t, w.URL(), "s3cret"))
	slow, missing := to("cat", "sch", "slow"), to("cat", "sch", "nope")
	require.NoError(t, g.Start(t.Context(), []destination.Destination{slow, missing, spansOnly}))
	settle(t, g, missing)
	settle(t, g, spansOnly)
	require.NoError(t, g.Hold(spansOnly))
	require.ErrorContains(t, g.Hold(missing), "nope_otel_spans")
	require.ErrorContains(t, g.Hold(slow), "for the first time")
}

// Many destinations ask once who writes.
func TestMeIsAskedOnce(t *testing.T) {
	w := workspace(t)
	g, _ := newGate(t, signed(t, w.URL(), "s3cret"))
	var all []destination.Destination
	for _, p := range strings.Split("abcdefghij", "") {
		all = append(all, to("cat", "sch", p))
	}
	require.NoError(t, g.Start(t.Context(), all))
	for _, d := range all {
		settle(t, g, d)
	}
	require.Equal(t, 1, w.Count("GET", "/api/2.0/preview/scim/v2/Me"))
}

// The connection comes back: what was not looked at does not slip through.
func TestReconnect(t *testing.T) {
	w := workspace(t)
	w.Revoke(app, table, "SELECT")
	var down atomic.Bool
	down.Store(true)
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s, err := signin.New(signin.Config{Host: w.URL(), Credentials: signin.Credentials{AuthType: "oauth-m2m", ClientID: app, ClientSecret: "s3cret"}}, signin.Settings{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	sends := &http.Client{Transport: broken{&down, s.RoundTripper(base)}}
	c, err := databricks.New(w.URL(), sends, databricks.Settings{RequestsPerSecond: 10_000})
	require.NoError(t, err)
	g, _ := newGate(t, c)
	settle(t, g, spansOnly)
	require.ErrorContains(t, g.Hold(spansOnly), "can't be reached")
	warn, logs := newGate(t, c, func(s *Settings) { s.OnFailure = Warn })
	settle(t, warn, spansOnly)
	require.NoError(t, warn.Hold(spansOnly))
	require.Eventually(t, func() bool { return logs.FilterMessageSnippet("data is sent all the same").Len() > 0 }, patience, time.Millisecond)
	down.Store(false)
	require.Eventually(t, func() bool { return strings.Contains(g.Hold(spansOnly).Error(), "GRANT SELECT") }, patience, time.Millisecond)
}

type broken struct {
	down *atomic.Bool
	base http.RoundTripper
}

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.down.Load() {
		return (&http.Transport{}).RoundTrip(r.WithContext(refusing(r.Context(), r)))
	}
	return b.base.RoundTrip(r)
}

// refusing turns the request to a port where nothing listens.
func refusing(ctx context.Context, r *http.Request) context.Context {
	r.URL.Host = "127.0.0.1:1"
	return ctx
}

func TestPace(t *testing.T) {
	set := Settings{Again: 30 * time.Second, AgainMost: 5 * time.Minute, Reconnect: time.Second}
	fault, alone, advice := []Finding{{Weight: Fault}}, []Finding{{Weight: Unknown, Alone: true}}, []Finding{{Weight: Advice}}
	var p pace
	var got []time.Duration
	for _, step := range [][2][]Finding{{nil, alone}, {alone, alone}, {alone, alone}, {alone, fault}, {fault, fault}, {fault, fault}, {fault, fault}, {fault, fault}, {fault, fault}, {fault, advice}, {advice, nil}} {
		got = append(got, p.next(set, step[0], step[1])/time.Second)
	}
	require.Equal(t, []time.Duration{1, 2, 4, 30, 60, 120, 240, 300, 300, 0, 0}, got)
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	require.NoError(t, c.Validate())
	c.OnFailure = "stop"
	require.ErrorContains(t, c.Validate(), `on_failure: "stop" is not one of hold, fail, warn`)
}

func TestShutdownWithoutStart(t *testing.T) {
	g := NewGate(Settings{})
	require.NoError(t, g.Shutdown(t.Context()))
	require.NoError(t, g.Shutdown(t.Context()))
	require.NoError(t, g.Hold(spansOnly), "nothing is looked at any more")
}
