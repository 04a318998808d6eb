// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/mlflowserver"
)

// The traces that a real MLflow server wrote to a database server are the same by REST and by a user who may
// only read the seven tables.
func TestSameByRESTAndDatabase(t *testing.T) {
	for _, get := range []func() (*databases.Server, error){databases.Postgres, databases.MariaDB} {
		db := databases.Need(t, get)
		t.Run(db.Kind, func(t *testing.T) {
			t.Parallel()
			name := db.New(t)
			store := forMLflow(db.URI(databases.Admin, name))
			s, err := start(mlflowserver.Database, filepath.Join(work, name+"-"+db.Kind), "--store", store)
			require.NoError(t, err)
			_, err = s.Generate(mlflowserver.Login{}, "--count", "60")
			require.NoError(t, err)
			reader := db.Reader(t, name)
			sameBothWays(t, s.URL, db.URI(reader, name), []any{"wide", "wide-second", "wide-empty"})
			t.Run("under load", func(t *testing.T) { underLoad(t, s, db, name, reader) })
		})
	}
}

// forMLflow is a URI with a driver that the environments of MLflow have.
func forMLflow(uri string) string { return strings.Replace(uri, "mysql:", "mysql+pymysql:", 1) }
