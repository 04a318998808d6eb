// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// The traces that a real MLflow server wrote to a database server are the same by REST and by a user who may
// only read the seven tables. Artifacts are read through that server, and from the folder in which it keeps them.
func TestSameByRESTAndDatabase(t *testing.T) {
	servers := []func() (*databases.Server, error){databases.Postgres, databases.MariaDB}
	old := slices.Contains([]string{mlflowserver.ArtifactsV2, mlflowserver.ArtifactsV3}, mlflowserver.Database)
	if old { // of which the tests have a driver for MySQL only
		servers = servers[1:]
	}
	for _, get := range servers {
		db := databases.Need(t, get)
		t.Run(db.Kind, func(t *testing.T) {
			t.Parallel()
			name := db.New(t)
			options := []string{"--store", db.URI(databases.Admin, name)}
			if db.Kind == "mysql" {
				var err error
				options, err = mlflowserver.MySQL(mlflowserver.Database, db.URI(databases.Admin, name))
				require.NoError(t, err)
			}
			s, err := start(mlflowserver.Database, filepath.Join(work, name+"-"+db.Kind), options...)
			require.NoError(t, err)
			_, err = s.Generate(mlflowserver.Login{}, "--count", "60")
			require.NoError(t, err)
			names := []any{"wide", "wide-second", "wide-empty"}
			user := db.Reader(t, name)
			for where, destination := range map[string]string{"server": s.URL,
				"folder": filepath.Join(s.Dir, "artifacts")} {
				t.Run("artifacts from the "+where, func(t *testing.T) {
					sameWithArtifacts(t, s.URL, db.URI(user, name), map[string]any{"destination": destination}, names)
				})
			}
			if !old {
				t.Run("under load", func(t *testing.T) { underLoad(t, s, db, name, user) })
			}
		})
	}
}
