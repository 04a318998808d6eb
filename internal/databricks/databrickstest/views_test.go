// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databrickstest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/unity"
)

// TestSetupStatements executes the statements that databricks_setup writes, as its own package
// keeps them and test/views runs on Apache Spark. A statement whose shape this fake does not know
// is found here.
func TestSetupStatements(t *testing.T) {
	const golden = "../../../extension/databrickssetupextension/internal/views/testdata/golden/"
	w := start(t)
	for _, prefix := range []string{"agents", "growing"} {
		l := unity.Location{Catalog: "spark_catalog", Schema: "lab", Prefix: prefix}
		w.CreateTables(l, unity.LayoutV2)
		for _, s := range []unity.Signal{unity.SignalSpans, unity.SignalLogs} {
			w.GrantWriting(Admin, l.Table(s, unity.LayoutV2).String())
		}
		e := fixture(t, "10_otlp_traces_request_mlflow.json")["export"]
		e.Request.Headers[tableHeader] = l.Table(unity.SignalSpans, unity.LayoutV2).String()
		require.Equal(t, 200, replay(t, w.URL(), AdminToken, e).status)
	}
	w.CreateTables(unity.Location{Catalog: "spark_catalog", Schema: "lab"}, unity.LayoutV1)
	files, err := filepath.Glob(golden + "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		body, err := os.ReadFile(f)
		require.NoError(t, err)
		for s := range strings.SplitSeq(strings.TrimSpace(string(body)), "\n;\n") {
			_, s, _ = strings.Cut(strings.TrimSuffix(strings.TrimSpace(s), ";"), "\n") // without the comment
			_, err := ask(t, w, s)
			if err != nil {
				t.Errorf("%s: %v\n%.200s", filepath.Base(f), err, s)
			}
		}
	}
}
