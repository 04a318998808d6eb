// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
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

var spansOnly = route.Destination{
	Signal:   unity.SignalSpans,
	Layout:   unity.LayoutV2,
	Table:    pre.Table(unity.SignalSpans, unity.LayoutV2),
	Location: pre,
}

// workspace has the tables and a service principal with all grants.
func workspace(t *testing.T) *databrickstest.Workspace {
	t.Helper()
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.CreateTables(pre, unity.LayoutV2)
	w.AddServicePrincipal(app, "s3cret")
	w.GrantWriting(app, table)
	return w
}

// signed is a client of the service principal.
func signed(t *testing.T, host, secret string) *databricks.Client {
	t.Helper()
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	credentials := signin.Credentials{AuthType: "oauth-m2m", ClientID: app, ClientSecret: configopaque.String(secret)}
	s, err := signin.New(signin.Config{Host: host, Credentials: credentials}, signin.Settings{})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	client, err := databricks.New(host, &http.Client{Transport: s.RoundTripper(base)},
		databricks.Settings{RequestsPerSecond: 10_000})
	require.NoError(t, err)
	return client
}

func newChecker(t *testing.T, client *databricks.Client, change ...func(*Settings)) (*Checker, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	set := Settings{
		Client: client, OnFailure: OnFailureHold, Logger: zap.New(core), Wait: patience,
		RetryInterval: 5 * time.Millisecond, MaxRetryInterval: 20 * time.Millisecond,
		ReconnectInterval: 5 * time.Millisecond,
		MinInterval:       time.Millisecond,
	}
	for _, f := range change {
		f(&set)
	}
	c := NewChecker(set)
	t.Cleanup(func() { require.NoError(t, c.Shutdown(context.WithoutCancel(t.Context()))) })
	return c, logs
}

// settle waits for the first answers.
func settle(t *testing.T, c *Checker, d route.Destination) {
	t.Helper()
	select {
	case <-c.follow(d).first:
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
					return &databrickstest.Fault{
						Status: 200,
						Header: http.Header{"Content-Type": {"application/json"}},
						Body:   body,
					}
				}
				return nil
			})
		}
	}
	const linkedTo = `{"experiment":{"experiment_id":"7","tags":[` +
		`{"key":"mlflow.experiment.databricksTraceSpanStorageTable","value":"`
	for name, tc := range map[string]struct {
		arrange func(*databrickstest.Workspace)
		d       route.Destination
		check   Check
		weight  Weight
		text    string
	}{
		"nothing": {func(*databrickstest.Workspace) {}, spansOnly, "", 0, ""},
		"catalog": {func(*databrickstest.Workspace) {}, to("nope", "sch", "pre"), CheckCatalog, WeightFault,
			"the catalog nope"},
		"schema": {func(*databrickstest.Workspace) {}, to("cat", "nope", "pre"), CheckSchema, WeightFault,
			"the schema cat.nope"},
		"table": {func(w *databrickstest.Workspace) { w.DropTable(table) }, spansOnly, CheckTable, WeightFault,
			"the table " + table},
		"layout": {func(w *databrickstest.Workspace) { w.SetProperty(table, unity.SchemaVersion, "v1") },
			spansOnly, CheckLayout, WeightFault, "`layout: v1`"},
		"property": {func(w *databrickstest.Workspace) { w.SetProperty(table, unity.SchemaVersion, "") },
			spansOnly, CheckLayout, WeightAdvice, "SET TBLPROPERTIES"},
		"column": {func(w *databrickstest.Workspace) { w.DropColumn(table, "flags") }, spansOnly, CheckColumns,
			WeightFault, "ADD COLUMNS (flags INT)"},
		"type": {func(w *databrickstest.Workspace) { w.SetColumnType(table, "attributes", "string") },
			spansOnly, CheckColumns, WeightFault, "attributes is STRING"},
		"MODIFY": {func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") }, spansOnly, CheckGrants,
			WeightFault, "GRANT MODIFY ON TABLE `cat`.`sch`.`pre_otel_spans` TO `" + app + "`"},
		"SELECT": {func(w *databrickstest.Workspace) { w.Revoke(app, table, "SELECT") }, spansOnly, CheckGrants,
			WeightFault, "GRANT SELECT ON TABLE"},
		"all grants": {func(w *databrickstest.Workspace) { w.Revoke(app, table) }, spansOnly, CheckGrants,
			WeightFault, "User does not have SELECT on Table"},
		"USE_SCHEMA": {func(w *databrickstest.Workspace) { w.Revoke(app, "cat.sch") }, spansOnly, CheckGrants,
			WeightFault, "GRANT USE SCHEMA ON SCHEMA `cat`.`sch`"},
		"USE_CATALOG": {func(w *databrickstest.Workspace) { w.Revoke(app, "cat") }, spansOnly, CheckGrants,
			WeightFault, "GRANT USE CATALOG ON CATALOG `cat`"},
		"ALL_PRIVILEGES": {allPrivileges, spansOnly, CheckGrants, WeightFault, "ALL_PRIVILEGES is not enough"},
		"owning": {func(w *databrickstest.Workspace) {
			w.Revoke(app, table)
			w.SetOwner(table, app)
		}, spansOnly, CheckGrants, WeightFault, "owning it is not enough"},
		"grant on the schema": {func(w *databrickstest.Workspace) {
			w.Revoke(app, table)
			w.Grant(app, "cat.sch", "MODIFY", "SELECT")
		}, spansOnly, "", 0, ""},
		"grant of a group, seen": {func(w *databrickstest.Workspace) {
			throughGroup(w)
			w.Grant(app, table, "MANAGE")
		}, spansOnly, "", 0, ""},
		"grant of a group, hidden": {throughGroup, spansOnly, CheckGrants, WeightUnknown, "unless through writers"},
		"group without grants": {func(w *databrickstest.Workspace) {
			throughGroup(w)
			w.Grant(app, table, "MANAGE")
			w.Revoke("writers", table)
		}, spansOnly, CheckGrants, WeightFault, "lacks MODIFY and SELECT"},
		"grants can't be read": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/effective-permissions/") {
					return hold(403, "PERMISSION_DENIED", "not yours to read")
				}
				return nil
			})
		}, spansOnly, CheckGrants, WeightUnknown, "not yours to read"},
		"experiment linked": {experiment(linkedTo + table +
			`"},{"key":"mlflow.monitoring.sqlWarehouseId","value":"wh"}]}}`), spans, "", 0, ""},
		"experiment linked elsewhere": {experiment(linkedTo + `cat.sch.other_otel_spans"}]}}`),
			spans, CheckExperiment, WeightAdvice, "is linked to cat.sch.other_otel_spans"},
		"experiment not linked": {experiment(`{"experiment":{"experiment_id":"7"}}`), spans, CheckExperiment,
			WeightAdvice, "not linked"},
		"experiment without warehouse": {experiment(linkedTo + table + `"}]}}`),
			spans, CheckExperiment, WeightAdvice, "names no SQL warehouse"},
		"workspace without Unity Catalog": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/unity-catalog/") {
					return hold(404, "ENDPOINT_NOT_FOUND", "No API found")
				}
				return nil
			})
		}, spansOnly, CheckReach, WeightFault, "has no Unity Catalog"},
		"overloaded": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.Contains(r.URL.Path, "/unity-catalog/") {
					return hold(503, "TEMPORARILY_UNAVAILABLE", "later")
				}
				return nil
			})
		}, spansOnly, CheckTable, WeightUnknown, "later"},
		"token ended": {func(w *databrickstest.Workspace) {
			w.SetFault(func(r *http.Request) *databrickstest.Fault {
				if strings.HasPrefix(r.URL.Path, "/api/") {
					return hold(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for "+
						"this API.")
				}
				return nil
			})
		}, spansOnly, CheckSignIn, WeightFault, "personal access tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			tc.arrange(w)
			c, _ := newChecker(t, signed(t, w.URL(), "s3cret"))
			settle(t, c, tc.d)
			found := c.Findings(tc.d)
			if tc.check == "" {
				require.Empty(t, found)
				require.Empty(t, c.Problems(tc.d))
				require.Nil(t, c.look(tc.d))
				return
			}
			require.Len(t, found, 1, "%v", found)
			require.Equal(t, tc.check, found[0].Check)
			require.Equal(t, tc.weight, found[0].Weight, found[0])
			require.Contains(t, found[0].String(), tc.text)
			require.Equal(t, []string{found[0].String()}, c.Problems(tc.d))
			if tc.weight == WeightFault {
				require.Equal(t, found[0].String(), c.look(tc.d).Message)
			} else {
				require.Nil(t, c.look(tc.d))
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

func to(catalog, schema, prefix string) route.Destination {
	l := unity.Location{Catalog: catalog, Schema: schema, Prefix: prefix}
	return route.Destination{Signal: unity.SignalSpans, Layout: unity.LayoutV2,
		Table: l.Table(unity.SignalSpans, unity.LayoutV2), Location: l}
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
	c, _ := newChecker(t, signed(t, w.URL(), "old"))
	settle(t, c, spansOnly)
	require.Contains(t, c.look(spansOnly).Message, "invalid_client")
	require.Contains(t, c.look(spansOnly).Message, "auth_type: oauth-m2m")

	c, _ = newChecker(t, signed(t, "http://127.0.0.1:1", "s3cret"), func(s *Settings) { s.OnFailure = OnFailureFail })
	require.NoError(t, c.Start(t.Context(), []route.Destination{spansOnly}))
	held := c.look(spansOnly)
	require.True(t, held.Transient)
	require.Contains(t, held.Message, "can't be reached")
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
		"fail, all well": {OnFailureFail, func(*databrickstest.Workspace) {}, "", false},
		"fail, definite": {OnFailureFail, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") },
			"preflight: " + app + " lacks MODIFY", true},
		"fail, unknown": {OnFailureFail, throughGroup, "", false},
		"hold starts all right": {OnFailureHold, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") },
			"", true},
		"warn never holds": {OnFailureWarn, func(w *databrickstest.Workspace) { w.Revoke(app, table, "MODIFY") },
			"", false},
		"fail, hangs": {OnFailureFail, func(w *databrickstest.Workspace) {
			w.SetFault(func(*http.Request) *databrickstest.Fault { return &databrickstest.Fault{Until: never} })
		}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := workspace(t)
			tc.arrange(w)
			hangs := strings.HasSuffix(name, "hangs")
			c, logs := newChecker(t, signed(t, w.URL(), "s3cret"), func(s *Settings) {
				s.OnFailure = tc.mode
				if hangs {
					s.Wait = 10 * time.Millisecond
				}
			})
			err := c.Start(t.Context(), []route.Destination{spansOnly})
			if tc.start == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.start)
			}
			if hangs { // data does not wait for ever for a workspace that does not answer
				require.Eventually(t, func() bool { return c.look(spansOnly) == nil }, patience, time.Millisecond)
				return
			}
			settle(t, c, spansOnly)
			require.Equal(t, tc.hold, c.look(spansOnly) != nil)
			if tc.mode == OnFailureWarn {
				require.Eventually(
					t,
					func() bool { return logs.FilterMessageSnippet("data is sent all the same").Len() == 1 },
					patience,
					time.Millisecond,
				)
			}
		})
	}
}

// The experiment that the route names is read from the workspace; it never holds data.
func TestExperimentOfTheWorkspace(t *testing.T) {
	w := workspace(t)
	at := func(id string) route.Destination {
		d := spansOnly
		d.Experiment = id
		return d
	}
	linked, elsewhere, ordinary := w.CreateExperiment(
		"/Shared/linked",
		&pre,
	), w.CreateExperiment(
		"/Shared/elsewhere",
		&unity.Location{Catalog: "cat", Schema: "sch", Prefix: "other"},
	),
		w.CreateExperiment(
			"/Shared/ordinary",
			nil,
		)
	c, _ := newChecker(t, signed(t, w.URL(), "s3cret"))
	for id, text := range map[string]string{
		linked: "names no SQL warehouse", elsewhere: "(/Shared/elsewhere) is linked to " +
			"cat.sch.other_otel_spans", ordinary: "(/Shared/ordinary) is not linked to Unity Catalog",
		"4711": "the experiment 4711 does not exist",
	} {
		settle(t, c, at(id))
		found := c.Findings(at(id))
		require.Len(t, found, 1, id)
		require.Equal(t, CheckExperiment, found[0].Check)
		require.Equal(t, WeightAdvice, found[0].Weight)
		require.Contains(t, found[0].Message, text)
		require.Nil(t, c.look(at(id)))
	}
}

// A hold ends by itself when the grant is given, and it says so.
func TestGrantGivenLater(t *testing.T) {
	w := workspace(t)
	w.Revoke(app, table, "MODIFY")
	c, logs := newChecker(t, signed(t, w.URL(), "s3cret"))
	held := c.look(spansOnly)
	require.True(t, held.Pending && !held.Transient)
	settle(t, c, spansOnly)
	held = c.look(spansOnly)
	require.True(t, !held.Pending && !held.Transient, "a person has to act")
	require.Contains(t, held.Message, "GRANT MODIFY")
	w.Grant(app, table, "MODIFY")
	require.Eventually(t, func() bool { return c.look(spansOnly) == nil }, patience, time.Millisecond)
	require.Eventually(
		t,
		func() bool { return logs.FilterMessageSnippet("the fault is gone, data flows").Len() == 1 },
		patience,
		time.Millisecond,
	)
	require.Equal(t, 1, logs.FilterMessageSnippet("lacks MODIFY").Len(), "said once, however often it is checked")
}

// Once all is well nothing is asked any more, until the ingest endpoint refuses.
func TestRefused(t *testing.T) {
	w := workspace(t)
	c, _ := newChecker(t, signed(t, w.URL(), "s3cret"), func(s *Settings) { s.RetryInterval = time.Minute })
	settle(t, c, spansOnly)
	require.Nil(t, c.look(spansOnly))
	asked := len(w.Requests())
	require.Empty(t, c.refused(spansOnly), "nothing is known yet")
	require.Eventually(
		t,
		func() bool { return strings.Contains(c.refused(spansOnly), "the region aws "+databrickstest.Region) },
		patience,
		time.Millisecond,
	)
	require.Greater(t, len(w.Requests()), asked)
	require.Nil(t, c.look(spansOnly), "what ingest refuses is tried again by sending")

	w.DropTable(table)
	require.Eventually(
		t,
		func() bool { return strings.Contains(c.refused(spansOnly), "the table "+table+" does not exist") },
		patience,
		time.Millisecond,
	)
	require.Contains(t, c.look(spansOnly).Message, "CREATE TABLE")
}

// The trouble of one destination delays no other.
func TestDestinationsAreApart(t *testing.T) {
	w := workspace(t)
	w.CreateTables(unity.Location{Catalog: "cat", Schema: "sch", Prefix: "slow"}, unity.LayoutV2)
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	w.SetFault(func(r *http.Request) *databrickstest.Fault {
		if strings.Contains(r.URL.Path, "slow_otel_spans") {
			return &databrickstest.Fault{Until: never}
		}
		return nil
	})
	c, _ := newChecker(t, signed(t, w.URL(), "s3cret"))
	slow, missing := to("cat", "sch", "slow"), to("cat", "sch", "nope")
	require.NoError(t, c.Start(t.Context(), []route.Destination{slow, missing, spansOnly}))
	settle(t, c, missing)
	settle(t, c, spansOnly)
	require.Nil(t, c.look(spansOnly))
	require.Contains(t, c.look(missing).Message, "nope_otel_spans")
	require.Contains(t, c.look(slow).Message, "for the first time")
}

// Many destinations ask once who writes.
func TestMeIsAskedOnce(t *testing.T) {
	w := workspace(t)
	c, _ := newChecker(t, signed(t, w.URL(), "s3cret"))
	var all []route.Destination
	for p := range strings.SplitSeq("abcdefghij", "") {
		all = append(all, to("cat", "sch", p))
	}
	require.NoError(t, c.Start(t.Context(), all))
	for _, d := range all {
		settle(t, c, d)
	}
	require.Equal(t, 1, w.Count("GET", "/api/2.0/preview/scim/v2/Me"))
}

// The connection comes back: what was not checked does not slip through.
func TestReconnect(t *testing.T) {
	w := workspace(t)
	w.Revoke(app, table, "SELECT")
	var down atomic.Bool
	down.Store(true)
	base := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(base.CloseIdleConnections)
	s, err := signin.New(
		signin.Config{
			Host:        w.URL(),
			Credentials: signin.Credentials{AuthType: "oauth-m2m", ClientID: app, ClientSecret: "s3cret"},
		},
		signin.Settings{},
	)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	client, err := databricks.New(
		w.URL(),
		&http.Client{Transport: broken{&down, s.RoundTripper(base)}},
		databricks.Settings{RequestsPerSecond: 10_000},
	)
	require.NoError(t, err)
	c, _ := newChecker(t, client)
	settle(t, c, spansOnly)
	require.Contains(t, c.look(spansOnly).Message, "can't be reached")
	warn, logs := newChecker(t, client, func(s *Settings) { s.OnFailure = OnFailureWarn })
	settle(t, warn, spansOnly)
	require.Nil(t, warn.look(spansOnly))
	require.Eventually(
		t,
		func() bool { return logs.FilterMessageSnippet("data is sent all the same").Len() > 0 },
		patience,
		time.Millisecond,
	)
	down.Store(false)
	require.Eventually(
		t,
		func() bool { return strings.Contains(c.look(spansOnly).Message, "GRANT SELECT") },
		patience,
		time.Millisecond,
	)
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
	set := Settings{RetryInterval: 30 * time.Second, MaxRetryInterval: 5 * time.Minute, ReconnectInterval: time.Second}
	fault, alone, advice := []Finding{
		{Weight: WeightFault},
	}, []Finding{
		{Weight: WeightUnknown, Alone: true},
	}, []Finding{
		{Weight: WeightAdvice},
	}
	var p pace
	var got []time.Duration
	for _, step := range [][2][]Finding{{nil, alone}, {alone, alone}, {alone, alone}, {alone, fault}, {fault, fault},
		{fault, fault}, {fault, fault}, {fault, fault}, {fault, fault}, {fault, advice}, {advice, nil}} {
		got = append(got, p.next(set, step[0], step[1])/time.Second)
	}
	require.Equal(t, []time.Duration{1, 2, 4, 30, 60, 120, 240, 300, 300, 0, 0}, got)
}

func TestConfig(t *testing.T) {
	c := NewDefaultConfig()
	require.NoError(t, c.Validate())
	c.OnFailure = "stop"
	require.ErrorContains(t, c.Validate(), `on_failure: "stop" is not one of hold, fail, warn`)
}

func TestShutdownWithoutStart(t *testing.T) {
	c := NewChecker(Settings{})
	require.NoError(t, c.Shutdown(t.Context()))
	require.NoError(t, c.Shutdown(t.Context()))
	require.Nil(t, c.look(spansOnly), "nothing is checked any more")
}
