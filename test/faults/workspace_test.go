// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"testing"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// Who delivers to a workspace.
const (
	writer = "00000000-aaaa-4000-8000-000000000001"
	secret = "a-secret"
)

// Where it delivers to.
var (
	tables     = unity.Location{Catalog: "main", Schema: "agents", Prefix: "bot"}
	spansTable = tables.Table(unity.SignalSpans, unity.LayoutV2).String()
)

// newWorkspace starts a fake workspace with the tables, to which the writer may deliver spans.
func newWorkspace(t *testing.T) *databrickstest.Workspace {
	t.Helper()
	w := databrickstest.New()
	t.Cleanup(w.Close)
	w.AddServicePrincipal(writer, secret)
	w.CreateTables(tables, unity.LayoutV2)
	w.GrantWriting(writer, spansTable)
	return w
}
