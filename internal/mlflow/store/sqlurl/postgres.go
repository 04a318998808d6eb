// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqlurl

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// postgresKeys are the parameters of libpq and of Python's drivers that have a meaning here.
var postgresKeys = set(`host port unix_sock options application_name connect_timeout timeout passfile service
	servicefile target_session_attrs ssl sslmode sslrootcert sslcert sslkey sslpassword sslsni sslnegotiation
	sslcertmode channel_binding require_auth krbsrvname`)

// postgresDropped are those that change nothing for a reader, or that pgx would send to the server, which
// refuses them.
var postgresDropped = set(`keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout
	gssencmode gsslib sslcrl sslcrldir sslcompression client_encoding fallback_application_name hostaddr
	load_balance_hosts prepare_threshold prepared_statement_cache_size prepared_statement_name_func tcp_keepalive
	async_fallback autocommit`)

// passed are the parameters that pgx knows by the same name.
var passed = [...]string{"application_name", "connect_timeout", "passfile", "service", "servicefile",
	"target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslsni",
	"sslnegotiation", "sslcertmode", "channel_binding", "require_auth", "krbsrvname"}

// Postgres returns the settings of pgx for the URL, and the search_path to be set in each transaction, empty
// for the server's own. It reads the files of certificates that the URL names. What the URL leaves out comes
// from the variables of libpq (PGHOST, PGUSER, PGPASSFILE …) as in other clients.
func (u URL) Postgres() (*pgx.ConnConfig, string, error) {
	searchPath, err := u.searchPath()
	if err != nil {
		return nil, "", err
	}
	hosts, ports, err := u.postgresHosts()
	if err != nil {
		return nil, "", err
	}
	settings := map[string]string{"application_name": "otelcol-mlflow", "user": u.User, "database": u.Database}
	if u.hosted() {
		settings["host"], settings["port"] = strings.Join(hosts, ","), strings.Join(ports, ",")
	}
	switch ssl := u.last("ssl"); strings.ToLower(ssl) {
	case "":
	case "true":
		settings["sslmode"] = "require"
	case "false":
		settings["sslmode"] = "disable"
	default:
		settings["sslmode"] = ssl
	}
	if t := u.last("timeout"); t != "" {
		settings["connect_timeout"] = t
	}
	for _, name := range passed {
		if v := u.last(name); v != "" {
			settings[name] = v
		}
	}
	var text strings.Builder
	for name, value := range settings {
		if value != "" {
			fmt.Fprintf(&text, "%s='%s' ", name, quoted.Replace(value))
		}
	}
	config, err := pgx.ParseConfig(text.String())
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the text of the settings
		}
		return nil, "", fmt.Errorf("the parameters of the URL: %w", err)
	}
	if u.Password != "" {
		config.Password = u.Password
	}
	return config, searchPath, nil
}

var quoted = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// last is the last value of a parameter.
func (u URL) last(name string) string {
	values := u.Query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// hosted reports whether the URL names a host.
func (u URL) hosted() bool {
	return u.Host != "" || u.Port != 0 || len(u.Query["host"]) > 0 || u.last("unix_sock") != "" ||
		len(u.Query["port"]) > 0
}

// postgresHosts returns hosts, each a name, an address or the folder of a socket, and as many ports.
func (u URL) postgresHosts() (hosts, ports []string, err error) {
	usual := strconv.Itoa(cmp.Or(u.Port, 5432))
	if socket := u.last("unix_sock"); socket != "" {
		folder, file := path.Split(socket)
		port, ok := strings.CutPrefix(file, ".s.PGSQL.")
		if !ok {
			return nil, nil, errors.New("unix_sock: write the path of a socket, /folder/.s.PGSQL.5432")
		}
		return []string{strings.TrimSuffix(folder, "/")}, []string{port}, nil
	}
	named := u.Query["host"]
	if len(named) == 0 {
		return []string{cmp.Or(u.Host, "localhost")}, []string{usual}, nil
	}
	list := strings.Split(strings.Join(named, ","), ",")
	given := strings.Split(u.last("port"), ",")
	for i, host := range list {
		port := usual
		switch {
		case len(given) == len(list) && given[i] != "":
			port = given[i]
		case len(given) == 1 && given[0] != "":
			port = given[0]
		case len(given) > 1:
			return nil, nil, fmt.Errorf("port: %d ports for %d hosts", len(given), len(list))
		}
		if name, own, ok := strings.Cut(host, ":"); ok && !strings.Contains(own, ":") {
			host, port = name, own
		}
		if _, err := portOf(port); err != nil {
			return nil, nil, errors.New("port: not a number from 1 to 65535")
		}
		hosts, ports = append(hosts, cmp.Or(host, "localhost")), append(ports, port)
	}
	return hosts, ports, nil
}

// searchPath returns what options=-csearch_path=… sets.
func (u URL) searchPath() (string, error) {
	refused := errors.New("options: only -csearch_path=… can be used here; remove what else it holds")
	fields := strings.Fields(u.last("options"))
	searchPath := ""
	for i := 0; i < len(fields); i++ {
		setting := strings.TrimPrefix(fields[i], "--")
		if rest, ok := strings.CutPrefix(fields[i], "-c"); ok {
			if setting = rest; rest == "" && i+1 < len(fields) {
				i++
				setting = fields[i]
			}
		}
		value, ok := strings.CutPrefix(setting, "search_path=")
		if !ok || strings.ContainsAny(value, `'\;`) {
			return "", refused
		}
		searchPath = value
	}
	return searchPath, nil
}
