// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// signsIn: retry_refusals makes 503 of the 401 of a workspace, and databricks_auth, which signs the requests of the
// same client, sees the 401 all the same. First the workspace refuses some tokens that it gave, then it takes traces,
// and then it revokes the token in use for good: without a new sign-in nothing would arrive any more.
func signsIn(t *testing.T, w *world) {
	const (
		principal, secret = "app-1", "canary-secret"
		table             = "main.traces.agents_otel_spans"
		otlp, signIn      = "/api/2.0/otel/v1/traces", "/oidc/v1/token"
		refused           = 7 // requests
	)
	workspace := databrickstest.New()
	t.Cleanup(workspace.Close)
	workspace.Set(func(s *databrickstest.Switches) {
		s.UnknownTokenStatus = http.StatusUnauthorized
		s.ForgetBodies = true
	})
	workspace.CreateSchema("main", "traces")
	workspace.CreateTables(unity.Location{Catalog: "main", Schema: "traces", Prefix: "agents"}, unity.LayoutV2)
	workspace.AddServicePrincipal(principal, secret)
	workspace.GrantWriting(principal, table)
	var requests atomic.Int64
	workspace.SetFault(func(r *http.Request) *databrickstest.Fault {
		if r.URL.Path == otlp && requests.Add(1) <= refused {
			return &databrickstest.Fault{Status: http.StatusUnauthorized, Code: "UNAUTHENTICATED", Body: "try later"}
		}
		return nil
	})
	w.sink = destination{exporter: "otlp_http", endpoint: workspace.URL() + "/api/2.0/otel",
		variable: "OTELCOL_MLFLOW_ENDPOINT"}

	w.reader(t).Done(0)
	consumer := w.refine(t, "only",
		"--set=extensions::databricks_auth={host: "+workspace.URL()+", client_id: "+principal+", client_secret: "+
			secret+"}",
		"--set=service::extensions=[databricks_auth, mlflow_report, mlflow_report_topic]",
		"--set=exporters::otlp_http::auth::authenticator=databricks_auth",
		"--set=exporters::otlp_http::headers::X-Databricks-UC-Table-Name="+table)
	eventually(t, func() bool { return workspace.Ingested(table).Written >= w.store.Spans/4 }, "it begins")
	require.GreaterOrEqual(t, requests.Load(), int64(refused))
	before := workspace.Count(http.MethodPost, signIn)
	require.Greater(t, before, 1, "a refused token was used again")
	workspace.RevokeTokens(principal)
	eventually(t, func() bool {
		return w.broker.Committed(w.group(), w.topic) == w.broker.Messages(w.topic)
	}, "everything is committed")
	require.Greater(t, workspace.Count(http.MethodPost, signIn), before)
	consumer.Signal(syscall.SIGTERM)
	consumer.Done(0)
	require.Contains(t, consumer.Logs(), "answered 401 Unauthorized; it gets the data again until it takes it")
	require.NotContains(t, consumer.Logs(), secret)

	spans := map[string]bool{}
	for _, row := range workspace.Rows(table) {
		spans[row["trace_id"].(string)+row["span_id"].(string)] = true
	}
	require.Len(t, spans, w.store.Spans)
	require.Zero(t, w.broker.Messages(w.topic+"-dead"))
}
