// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqlurl

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// TestParse: what SQLAlchemy 2.0.58 makes of the same URLs. Where it keeps user, password or database as
// parameters, its drivers take them from there.
func TestParse(t *testing.T) {
	for text, want := range map[string]URL{
		"postgresql://u:p@h/db":                         {User: "u", Password: "p", Host: "h"},
		"postgres://u:p@h/db":                           {User: "u", Password: "p", Host: "h"}, // an alias
		"postgresql+psycopg2://u:p@h:5433/db":           {User: "u", Password: "p", Host: "h", Port: 5433},
		"postgresql://h/db":                             {Host: "h"},
		"postgresql://h:5432/db":                        {Host: "h", Port: 5432},
		"postgresql://u@h/db":                           {User: "u", Host: "h"},
		"postgresql://u%40x:p%2Fw%25@h/db":              {User: "u@x", Password: "p/w%", Host: "h"},
		"postgresql://u:p/w#1@h/db":                     {User: "u", Password: "p/w#1", Host: "h"},
		"postgresql://u:p?w@h/db":                       {User: "u", Password: "p?w", Host: "h"},
		"postgresql://user@tenant:p@h/db":               {User: "user@tenant", Password: "p", Host: "h"},
		"postgresql://a@b@h/db":                         {User: "a@b", Host: "h"},
		"postgresql://u:p+w@h/db":                       {User: "u", Password: "p+w", Host: "h"},
		"postgresql://u:p@[::1]:5432/db":                {User: "u", Password: "p", Host: "::1", Port: 5432},
		"postgresql://u:p@[fe80::1]/db":                 {User: "u", Password: "p", Host: "fe80::1"},
		"postgresql:///db":                              {},
		"postgresql://u:p@%2Fvar%2Frun/db":              {User: "u", Password: "p", Host: "/var/run"}, // as libpq
		"postgresql://u:@h/db":                          {User: "u", Host: "h"},
		"postgresql://:p@h/db":                          {Password: "p", Host: "h"},
		"postgresql://u:%zz@h/db":                       {User: "u", Password: "%zz", Host: "h"},
		"postgresql://u:p%C3%A9@h/db":                   {User: "u", Password: "pé", Host: "h"},
		"postgresql://h/?user=u&password=p&dbname=db":   {User: "u", Password: "p", Host: "h"},
		"mysql+pymysql://u:p@h:3307/db?charset=utf8mb4": {User: "u", Password: "p", Host: "h", Port: 3307},
		"mariadb://h/db":                                {Host: "h"},
	} {
		u, err := Parse(text)
		require.NoError(t, err, text)
		want.Kind, want.Database, want.Query = Kind(text), "db", u.Query
		require.Equal(t, want, u, text)
	}
	for text, want := range map[string]string{ // database
		"postgresql://h/db%20x": "db%20x",
		"postgresql://h/d/b":    "d/b",
	} {
		u, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, u.Database)
	}
	u, err := Parse("mysql://h/db?ssl_ca=/a+b&ssl_ca=/c%20d")
	require.NoError(t, err)
	require.Equal(t, url.Values{"ssl_ca": {"/a b", "/c d"}}, u.Query)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"postgresql://u:secret@h":                       "no database is named; write postgresql://user:password@host/",
		"mysql://u:secret@h/":                           "no database is named; write mysql://",
		"postgresql://u:secr@et@h/db":                   "the host holds an @",
		"postgresql://u:secret@h:x/db":                  "the port is not a number",
		"postgresql://u:secret@h:0/db":                  "the port is not a number",
		"postgresql://u:secret@h:99999/db":              "the port is not a number",
		"postgresql://u:secret@[::1/db":                 "has no ]",
		"postgresql://u:secret@[::1]x/db":               "neither a port nor a database",
		"postgresql://u:secret@h/db?a=%zz":              "the parameters behind ?",
		"postgresql://u:secret@h/db?color=secret":       `the parameter "color" is not known here`,
		"mysql://u:secret@h/db?sslmode=require":         `the parameter "sslmode" is not known here`,
		"postgresql://u:secret%00@h/db":                 "not UTF-8 text without NUL",
		"postgresql://u:secret%FF@h/db":                 "not UTF-8 text without NUL",
		"postgresql://u:secret@h/d\nb":                  "control characters",
		"postgresql:u:secret@h/db":                      "not the URL of a database server",
		"postgresql://u:secret@h/db?options=-cx=secret": "only -csearch_path",
		"postgresql://u:secret@h/db?unix_sock=/x":       "unix_sock: write the path",
		"postgresql://h/db?host=a,b&port=1,2,3":         "3 ports for 2 hosts",
		"postgresql://h/db?host=a:secret":               "port: not a number",
		"mysql://u:secret@h/db?unix_socket=x":           "unix_socket: not the absolute path",
		"mysql://u:secret@h/db?host=a&host=b":           "host: only one host",
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "secr")
	}
}

func TestPlace(t *testing.T) {
	for text, want := range map[string]string{
		"postgresql://u:p@h/db?sslmode=require":             "postgresql://h:5432/db",
		"postgres+x://u:p@h:1/db?options=-csearch_path%3Da": "postgresql://h:1/db?search_path=a",
		"postgresql://@/db?host=h1:1&host=h2:2":             "postgresql://h1:1,h2:2/db",
		"postgresql://@/db?host=h1,h2&port=1":               "postgresql://h1:1,h2:1/db",
		"postgresql://@/db?unix_sock=/run/.s.PGSQL.5":       "postgresql:///run:5/db",
		"mariadb://u:p@h/db":                                "mysql://h:3306/db",
		"mysql://u:p@h/db?unix_socket=/run/s":               "mysql:///run/s/db",
		"postgresql://u:p@[::1]/db?password=x&user=y&options=-c%20search_path%3Dm": "postgresql://[::1]:5432/db" +
			"?search_path=m",
	} {
		u, err := Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, u.Place(), text)
	}
}

func clearEnvironment(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGSSLMODE", "PGSERVICE", "PGDATABASE"} {
		t.Setenv(name, "")
	}
}

func TestPostgres(t *testing.T) {
	clearEnvironment(t)
	config := func(text string) *pgx.ConnConfig {
		u, err := Parse(text)
		require.NoError(t, err, text)
		c, _, err := u.Postgres()
		require.NoError(t, err, text)
		return c
	}
	c := config(`postgresql+asyncpg://u'\:p'%20\@h:5433/d'b\?keepalives=1&gssencmode=disable&tcp_user_timeout=5`)
	require.Equal(t, []any{`u'\`, `p' \`, "h", uint16(5433), `d'b\`},
		[]any{c.User, c.Password, c.Host, c.Port, c.Database})
	require.Equal(t, map[string]string{"application_name": "otelcol-mlflow"}, c.RuntimeParams)
	require.NotNil(t, c.TLSConfig, "sslmode=prefer")
	c = config("postgresql://u:p@h/db?ssl=false&application_name=x&timeout=3")
	require.Nil(t, c.TLSConfig)
	require.Equal(t, "x", c.RuntimeParams["application_name"])
	require.Equal(t, 3*time.Second, c.ConnectTimeout)
	c = config("postgresql://u:p@/db?host=h1:5432&host=h2:5433&sslmode=verify-full&target_session_attrs=standby")
	require.Equal(t, "h1", c.Host)
	require.Equal(t, "h1", c.TLSConfig.ServerName)
	require.Len(t, c.Fallbacks, 1)
	require.Equal(t, []any{"h2", uint16(5433), "h2"},
		[]any{c.Fallbacks[0].Host, c.Fallbacks[0].Port, c.Fallbacks[0].TLSConfig.ServerName})
	require.NotNil(t, c.ValidateConnect)
	c = config("postgresql+pg8000://u:p@/db?unix_sock=/run/pg/.s.PGSQL.5433")
	require.Equal(t, []any{"/run/pg", uint16(5433)}, []any{c.Host, c.Port})

	u, err := Parse("postgresql://u:secret@h/db?sslmode=verify-ca&sslrootcert=/none/ca.pem")
	require.NoError(t, err)
	_, _, err = u.Postgres()
	require.ErrorContains(t, err, "/none/ca.pem")
	require.NotContains(t, err.Error(), "secret")
	u, err = Parse("postgresql://h/db?options=-csearch_path%3Dtracking,public")
	require.NoError(t, err)
	_, path, err := u.Postgres()
	require.NoError(t, err)
	require.Equal(t, "tracking,public", path)
}

func TestMySQL(t *testing.T) {
	u, err := Parse("mysql+pymysql://u@x:p%2F@h/db?charset=latin1&connect_timeout=5&read_timeout=1.5")
	require.NoError(t, err)
	c, err := u.MySQL()
	require.NoError(t, err)
	require.Equal(t, []any{"u@x", "p/", "tcp", "h:3306", "db", 5 * time.Second, 1500 * time.Millisecond},
		[]any{c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.Timeout, c.ReadTimeout})
	require.True(t, c.AllowFallbackToPlaintext)
	require.True(t, c.InterpolateParams)
	require.False(t, c.AllowCleartextPasswords)

	u, err = Parse("mysql://u:p@/db?unix_socket=/run/mysqld.sock")
	require.NoError(t, err)
	c, err = u.MySQL()
	require.NoError(t, err)
	require.Equal(t, []any{"unix", "/run/mysqld.sock"}, []any{c.Net, c.Addr})

	for query, want := range map[string]string{
		"connect_timeout=x":    "connect_timeout: not a positive number",
		"ssl_ca=/none/ca.pem":  "ssl_ca: open /none/ca.pem",
		"ssl_cert=/none/c.pem": "ssl_cert and ssl_key: open /none/c.pem",
		"ssl=%7Bx":             "ssl: not an object",
	} {
		u, err := Parse("mysql://u:secret@h/db?" + query)
		require.NoError(t, err)
		_, err = u.MySQL()
		require.ErrorContains(t, err, want)
	}
}

func TestMySQLTLS(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, []byte(testCA), 0o600))
	type want struct{ tls, fallback, skipName, chain, clear bool }
	for query, w := range map[string]want{
		"":                                       {true, true, true, false, false},
		"ssl_disabled=true":                      {},
		"ssl_mode=DISABLED":                      {},
		"ssl=true":                               {true, false, true, false, false},
		"ssl_mode=REQUIRED":                      {true, false, true, false, false},
		"ssl_ca=CA":                              {true, false, true, true, true},
		"ssl_mode=VERIFY_CA&ssl_ca=CA":           {true, false, true, true, true},
		"ssl_verify_cert=true":                   {true, false, true, true, true},
		"ssl_ca=CA&ssl_check_hostname=0":         {true, false, true, true, true},
		"ssl_ca=CA&ssl_verify_identity=1":        {true, false, false, false, true},
		"ssl_mode=VERIFY_IDENTITY":               {true, false, false, false, true},
		`ssl={"ca":"CA"}`:                        {true, false, false, false, true},
		`ssl={"ca":"CA","check_hostname":false}`: {true, false, true, true, true},
	} {
		u, err := Parse("mysql://u:p@h/db?" + strings.ReplaceAll(query, "CA", ca))
		if strings.Contains(query, "VERIFY_CA") || strings.Contains(query, `{`) {
			u, err = Parse("mysql://u:p@h/db?" + strings.NewReplacer("=CA", "="+ca, `"CA"`, `"`+ca+`"`).Replace(query))
		}
		require.NoError(t, err, query)
		c, err := u.MySQL()
		require.NoError(t, err, query)
		got := want{tls: c.TLS != nil, fallback: c.AllowFallbackToPlaintext, clear: c.AllowCleartextPasswords}
		if c.TLS != nil {
			got.skipName, got.chain = c.TLS.InsecureSkipVerify, c.TLS.VerifyConnection != nil
			require.Equal(t, "h", c.TLS.ServerName)
		}
		require.Equal(t, w, got, query)
	}
}

// FuzzParse: nothing panics, errors hold no password, and what is accepted reaches pgx as it is.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"postgresql://u:p@h:1/db?a=b", "mysql://u:p@[::1]/db", "postgresql://'\\:%27@/d'?host=a,b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse(text)
		if err != nil {
			return
		}
		_ = u.Place()
		if u.Kind != PostgreSQL || len(u.Query) > 0 || u.Password == "" {
			return
		}
		c, _, err := u.Postgres()
		if err != nil {
			return // pgx knows no such host
		}
		require.Equal(t, []string{u.Password, u.Database}, []string{c.Password, c.Database})
		if u.User != "" {
			require.Equal(t, u.User, c.User)
		}
	})
}

// testCA is a certificate without a key.
const testCA = `-----BEGIN CERTIFICATE-----
MIIBQDCB56ADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMTBHRlc3QwIBcN
NzAwMTAxMDAwMDAwWhgPMjI0MjAzMTYxMjU2MzJaMA8xDTALBgNVBAMTBHRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATT+nA7EIfZK8Dl0iunnAW4Ms0AN2GD
5+g6fXktUF/2iGw6BCcKG+DwfZyighFtQpuU3t2yfN1G+eabfOvIivnwozIwMDAP
BgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBS6ourznz5kQqvRNYx57IrG+/A6KjAK
BggqhkjOPQQDAgNIADBFAiBJAv2sJKiGQ9+yUYSRFuzzl0/UelmgpUIMTTQncZgS
ywIhALCbj4AUTeDCSfKcdP8Nlm9rhOL6awdKgbRxyx06mLIy
-----END CERTIFICATE-----
`
