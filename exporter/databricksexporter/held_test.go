// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricksexporter

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// held is a case of answers that wait for a person: prevent makes the workspace refuse, remove ends
// that.
type held struct {
	config          func(*Config)
	prevent, remove func(*databrickstest.Workspace)
	label, remedy   string
}

// checkHeld expects of each case that the data is held, that status, report and log name the
// remedy, and that everything arrives once it is applied.
func checkHeld(t *testing.T, cases map[string]held) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func (c held) check(t *testing.T) {
	w := workspace(t)
	cfg := configure(w)
	if c.config != nil {
		c.config(cfg)
	}
	if c.remove == nil {
		c.remove = func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Take) }
	}
	c.prevent(w)
	counted := counting(t)
	r := startOn(t, cfg, counted.settings(), newHost())
	done := r.send(t.Context(), spans("1", 0, 2, 3))
	c.checkWaiting(t, r, counted)
	select {
	case err := <-done:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	c.remove(w)
	require.NoError(t, within(t, done))
	c.checkDelivered(t, w, r, counted)
}

func (c held) checkWaiting(t *testing.T, r *started, counted *counts) {
	eventually(t, func() bool { s, _ := r.host.status(); return s == componentstatus.StatusRecoverableError }, "status")
	_, text := r.host.status()
	require.Contains(t, text, c.remedy)
	require.NotContains(t, text, "hidden")
	waiting := r.host.destination(spansTable)
	require.Contains(t, waiting.Held, c.remedy)
	require.False(t, waiting.HeldSince.IsZero())
	require.Equal(t, 1, r.logs.FilterMessage("Data for a destination waits").Len())
	require.EqualValues(t, 1, counted.gauge("otelcol_exporter_databricks_waiting"))
	require.Positive(t, counted.sum("otelcol_exporter_databricks_requests", "outcome", c.label))
}

func (c held) checkDelivered(t *testing.T, w *databrickstest.Workspace, r *started, counted *counts) {
	for id, n := range ids(w, spansTable) {
		require.Equal(t, 1, n, id)
	}
	require.Len(t, ids(w, spansTable), 6)
	s, _ := r.host.status()
	require.Equal(t, componentstatus.StatusOK, s)
	require.Empty(t, r.host.destination(spansTable).Held)
	require.Equal(t, 1, r.logs.FilterMessage("Data flows to a destination again").Len())
	require.Zero(t, counted.gauge("otelcol_exporter_databricks_waiting"))
	require.Zero(t, counted.sum("otelcol_exporter_databricks_rejected"))
	require.Zero(t, counted.sum("otelcol_exporter_databricks_returned"))

	require.NoError(t, r.Shutdown(t.Context()))
	d := r.host.destination(spansTable)
	require.EqualValues(t, 6, d.Sent)
	require.Equal(t, "traces", d.Signal)
	require.Equal(t, progress.NotVerified, d.Verification)
	require.Len(t, d.Problems, 1)
	require.Contains(t, d.Problems[0], c.remedy)
}

// A grant is missing: the remedy is the statement that gives it.
func TestHeldForAGrant(t *testing.T) {
	agents := location.Table(unity.SignalSpans, unity.LayoutV2)
	checkHeld(t, map[string]held{
		"403 on the table": {
			prevent: func(w *databrickstest.Workspace) { w.Revoke(writer, spansTable, "MODIFY") },
			remove:  func(w *databrickstest.Workspace) { w.Grant(writer, spansTable, "MODIFY") },
			label:   "forbidden", remedy: "GRANT MODIFY, SELECT ON TABLE " + agents.Quoted(),
		},
		"403 on the table for a service principal": {
			config: func(c *Config) {
				c.Auth.Credentials.Token = ""
				c.Auth.Credentials.ClientID, c.Auth.Credentials.ClientSecret = "app-1", "s3cret"
			},
			prevent: func(w *databrickstest.Workspace) {
				w.AddServicePrincipal("app-1", "s3cret")
				w.GrantWriting("app-1", spansTable)
				w.Revoke("app-1", spansTable, "SELECT")
			},
			remove: func(w *databrickstest.Workspace) { w.Grant("app-1", spansTable, "SELECT") },
			label:  "forbidden", remedy: "GRANT MODIFY, SELECT ON TABLE " + agents.Quoted() + " TO `app-1` (ALL " +
				"PRIVILEGES is not enough)",
		},
		"403 on the schema": {
			prevent: func(w *databrickstest.Workspace) { w.Revoke(writer, "main.traces") },
			remove:  func(w *databrickstest.Workspace) { w.Grant(writer, "main.traces", "USE_SCHEMA") },
			label:   "forbidden", remedy: "GRANT USE SCHEMA ON SCHEMA `main`.`traces` TO",
		},
		"403 on the catalog": {
			prevent: func(w *databrickstest.Workspace) { w.Revoke(writer, "main") },
			remove:  func(w *databrickstest.Workspace) { w.Grant(writer, "main", "USE_CATALOG") },
			label:   "forbidden", remedy: "GRANT USE CATALOG ON CATALOG `main` TO",
		},
		"403 without a word": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(spansTable, databrickstest.Outcome{Status: 403, HTML: true})
			},
			label: "forbidden", remedy: "GRANT MODIFY, SELECT ON TABLE " + agents.Quoted(),
		},
		"400 that is one of grants": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(
					spansTable,
					databrickstest.Outcome{
						Status:  400,
						Code:    "PERMISSION_DENIED",
						Message: "User does not have SELECT on Table 't'.",
					},
				)
			},
			label: "forbidden", remedy: "GRANT MODIFY, SELECT ON TABLE " + agents.Quoted(),
		},
	})
}

// A table, or the route of the API, is missing.
func TestHeldForATable(t *testing.T) {
	checkHeld(t, map[string]held{
		"404 for a table that appears later": {
			prevent: func(w *databrickstest.Workspace) { w.DropTable(spansTable) },
			remove:  func(w *databrickstest.Workspace) { arrange(w, location) },
			label:   "not_found", remedy: "table main.traces.agents_otel_spans does not exist",
		},
		"400 for a table that appears later": {
			prevent: func(w *databrickstest.Workspace) {
				w.DropTable(spansTable)
				w.Set(func(s *databrickstest.Switches) { s.MissingTableStatus = 400 })
			},
			remove: func(w *databrickstest.Workspace) { arrange(w, location) },
			label:  "not_found", remedy: "table main.traces.agents_otel_spans does not exist",
		},
		"404 for a preview that is off": {
			prevent: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.PreviewOff = true })
			},
			remove: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.PreviewOff = false })
			},
			label: "not_found", remedy: `older workspaces need the preview "OpenTelemetry on Databricks"`,
		},
		"404 of a proxy": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(spansTable, databrickstest.Outcome{Status: 404, HTML: true})
			},
			label: "not_found", remedy: "the workspace has no route /api/2.0/otel/v1/traces",
		},
	})
}

// The configuration asks for what the workspace does not take.
func TestHeldForASetting(t *testing.T) {
	checkHeld(t, map[string]held{
		"401 for this kind of credential": {
			prevent: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.RefusePATOnOTLP = true })
			},
			remove: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.RefusePATOnOTLP = false })
			},
			label: "unauthenticated", remedy: "use a service principal with OAuth",
		},
		"405": {
			prevent: func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(405)) },
			label:   "misconfigured", remedy: "correct path_prefix",
		},
		"415 for compressed bodies": {
			config: func(c *Config) { c.HTTP.Compression = "gzip" },
			prevent: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.RefuseGzip = true })
			},
			remove: func(w *databrickstest.Workspace) {
				w.Set(func(s *databrickstest.Switches) { s.RefuseGzip = false })
			},
			label: "misconfigured", remedy: "write http::compression: none",
		},
		"400 for another header": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(
					spansTable,
					databrickstest.Outcome{Status: 400, Message: "Missing required header: X-Databricks-UC-Table-Name"},
				)
			},
			label: "misconfigured", remedy: "correct table_header",
		},
	})
}

// The edge of the workspace says no, by a header alone or by a status that no retry changes.
func TestHeldByTheEdge(t *testing.T) {
	checkHeld(t, map[string]held{
		"200 with a reason is not sent": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(spansTable, databrickstest.Edge("Table cannot be found."))
			},
			label: "reason_phrase", remedy: "took nothing; it says: Table cannot be found.",
		},
		"501": {
			prevent: func(w *databrickstest.Workspace) { w.SetOutcome(spansTable, databrickstest.Refuse(501)) },
			label:   "not_implemented", remedy: "it says: Ingestion into this table is not supported.",
		},
		"403 with a reason alone": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetOutcome(spansTable, databrickstest.Outcome{Status: 403, Empty: true, Reason: "Catalog is frozen"})
			},
			label: "forbidden", remedy: "it says: Catalog is frozen",
		},
	})
}

// Something else than the workspace answers.
func TestHeldByAProxy(t *testing.T) {
	checkHeld(t, map[string]held{
		"a redirect": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetFault(func(*http.Request) *databrickstest.Fault {
					return &databrickstest.Fault{Status: 302, Header: http.Header{"Location": {"/login?next=hidden"}}}
				})
			},
			remove: func(w *databrickstest.Workspace) { w.SetFault(nil) },
			label:  "redirected", remedy: "host is not the address of a workspace",
		},
		"a web page that says 200": {
			prevent: func(w *databrickstest.Workspace) {
				w.SetFault(func(*http.Request) *databrickstest.Fault {
					return &databrickstest.Fault{
						Status: 200,
						Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
						Body:   "<html>sign in</html>",
					}
				})
			},
			remove: func(w *databrickstest.Workspace) { w.SetFault(nil) },
			label:  "redirected", remedy: "host is not the address of a workspace",
		},
	})
}
