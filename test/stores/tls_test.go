// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package stores

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/store"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/databases"
)

// tried is what reading a store through a URI gave. One that is refused is refused at once.
func tried(t *testing.T, uri string, parameters ...string) error {
	t.Helper()
	query := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	o := quick(func(cause error) { cancel(fmt.Errorf("it would be tried again: %w", cause)) })
	_, err := open(t, uri+"?"+query.Encode(), o).Experiments(ctx)
	return cmp.Or(context.Cause(ctx), err)
}

// The server of the tests has a certificate for localhost, of a CA of its own.
func onLocalhost(uri string) string { return strings.Replace(uri, "127.0.0.1", "localhost", 1) }

// PostgreSQL by TLS: the chain is verified with a CA, the name with verify-full, and the connection is encrypted.
func TestTLSToPostgreSQL(t *testing.T) {
	db := databases.Need(t, databases.Postgres)
	files := db.WithTLS(t)
	name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
	reader := db.Reader(t, name)
	uri := db.URI(reader, name)
	admin := db.Open(t, name)
	encrypted := func(t *testing.T) (yes bool) {
		t.Helper()
		require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN "+
			"pg_stat_activity a ON a.pid = s.pid WHERE a.usename = $1", reader).Scan(&yes))
		return yes
	}
	full := []string{"sslmode", "verify-full", "sslrootcert", files.CA}
	for what, c := range map[string]struct {
		uri        string
		parameters []string
		encrypted  bool
	}{
		"without a parameter": {uri, nil, true}, "require": {uri, []string{"sslmode", "require"}, true},
		"disable":     {uri, []string{"sslmode", "disable"}, false},
		"verify-ca":   {uri, []string{"sslmode", "verify-ca", "sslrootcert", files.CA}, true},
		"verify-full": {onLocalhost(uri), full, true},
		"certificate of the client": {onLocalhost(uri),
			append(full[:4:4], "sslcert", files.Cert, "sslkey", files.Key), true},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, tried(t, c.uri, c.parameters...)) // its connection is open until the test ends
			require.Equal(t, c.encrypted, encrypted(t))
		})
	}
	refused(t, map[string]error{
		"wrong CA":             tried(t, onLocalhost(uri), "sslmode", "verify-full", "sslrootcert", files.Other),
		"wrong CA, chain only": tried(t, uri, "sslmode", "verify-ca", "sslrootcert", files.Other),
		"wrong name":           tried(t, uri, full...),
	})
}

// refused requires errors that tell of certificates.
func refused(t *testing.T, errs map[string]error) {
	t.Helper()
	for what, err := range errs {
		require.ErrorContains(t, err, "x509: ", what)
		require.NotContains(t, err.Error(), "again", what)
	}
}

// MariaDB by TLS: the chain is verified with ssl_ca, the name with ssl_verify_identity, and a user who needs TLS, or a
// certificate, is refused without.
func TestTLSToMariaDB(t *testing.T) {
	db := databases.Need(t, databases.MariaDB)
	files := db.WithTLS(t)
	name := db.Copy(t, placed(t, recorded(t)["3.17.2"]))
	reader := db.Reader(t, name)
	uri := db.URI(reader, name)
	db.Exec(t, "", "ALTER USER "+reader+"@'%' REQUIRE SSL")
	require.NoError(t, tried(t, uri))
	require.NoError(t, tried(t, uri, "ssl_ca", files.CA))
	require.NoError(t, tried(t, uri, "ssl_mode", "REQUIRED"))
	require.NoError(t, tried(t, onLocalhost(uri), "ssl_ca", files.CA, "ssl_verify_identity", "true"))
	require.ErrorContains(t, tried(t, uri, "ssl_disabled", "true"), "1045")
	refused(t, map[string]error{
		"wrong CA":   tried(t, uri, "ssl_ca", files.Other),
		"wrong name": tried(t, uri, "ssl_ca", files.CA, "ssl_verify_identity", "true"),
	})
	db.Exec(t, "", "ALTER USER "+reader+"@'%' REQUIRE X509")
	require.ErrorContains(t, tried(t, uri, "ssl_ca", files.CA), "1045")
	require.NoError(t, tried(t, uri, "ssl_ca", files.CA, "ssl_cert", files.Cert, "ssl_key", files.Key))
}

// A file of certificates that can't be read is told before anything is asked.
func TestTLSFilesAreReadAtStart(t *testing.T) {
	for uri, want := range map[string]string{
		"postgresql://u@localhost/d?sslmode=verify-full&sslrootcert=/none.pem": "/none.pem",
		"mysql://u@localhost/d?ssl_ca=/none.pem":                               "/none.pem",
	} {
		target, err := store.ParseURI(uri)
		if err == nil {
			var s mlflow.Source
			if s, err = store.OpenServer(target, options); err == nil {
				_ = s.Close()
			}
		}
		require.ErrorContains(t, err, want)
	}
}
