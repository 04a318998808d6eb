// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// The check of the built collector prints what the user may read, also where a permission is missing.
func TestCheckPrintsGrants(t *testing.T) {
	each(t, func(t *testing.T, db *databases.Server) {
		name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
		reader := db.Reader(t, name)
		statement, from, on := "GRANT SELECT ON %s TO \""+reader+"\"", reader, ""
		if db.Kind == "mysql" {
			statement, from, on = "GRANT SELECT ON `"+name+"`.%s TO '"+reader+"'@'%%'", reader+"@'%'", name+"."
		}
		check := func(status int, states map[string]string) {
			dir := t.TempDir()
			c := collector.Backfill(db.URI(reader, name), dir).Set("receivers::mlflow::mode", "check").
				Set("receivers::mlflow::experiments::names", []any{"wide-second"})
			p := collector.Run(t, dir, c, status)
			report := collector.ReadReport(t, dir).Receivers[0]
			require.Equal(t, status == 0, report.Complete)
			require.NotNil(t, report.Check)
			require.Len(t, report.Check.Grants, 7)
			for _, g := range report.Check.Grants {
				want := "granted"
				if states[g.Table] != "" {
					want = states[g.Table]
				}
				require.Equal(t, want, g.State, g.Table)
				require.Contains(t, p.Out(), want+"   "+g.Statement+"\n")
			}
			require.Contains(t, p.Out(), fmt.Sprintf(statement, "spans"))
			if status == 0 {
				require.NotEmpty(t, report.Check.Experiments)
			}
		}
		check(0, nil)
		db.Exec(t, name, "REVOKE SELECT ON "+on+"spans FROM "+from)
		check(1, map[string]string{"spans": "missing"})
	})
}
