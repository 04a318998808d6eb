// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package sqlurl reads the URLs of database servers as SQLAlchemy does, with which MLflow reads its
// backend-store-uri, and turns them into the settings of the Go drivers. The drivers never see the URL: they
// read the same text in other ways. No error holds a password or a part of the URL that may be one.
package sqlurl

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// The kinds of databases.
const (
	PostgreSQL = "postgresql"
	MySQL      = "mysql"
)

// URL is a parsed URL.
type URL struct {
	Kind     string // PostgreSQL or MySQL
	User     string
	Password string
	Host     string // as it is written, without brackets; empty: the driver's default
	Port     int    // 0: the driver's default
	Database string
	Query    url.Values
}

// Kind returns the kind of database that a URL names by its scheme, whatever else may be wrong with it, and
// "" for other URLs. A Python driver in the scheme (postgresql+psycopg2) says nothing.
func Kind(text string) string {
	scheme, _, _ := strings.Cut(text, ":")
	dialect, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	switch dialect {
	case "postgresql", "postgres":
		return PostgreSQL
	case "mysql", "mariadb":
		return MySQL
	}
	return ""
}

// Parse splits a URL as SQLAlchemy does: the user ends at the first colon, the password at the first @ behind
// it, and both may hold slashes and question marks. Percent signs are decoded in user, password and query, and
// nowhere else.
func Parse(text string) (URL, error) {
	u := URL{Kind: Kind(text)}
	_, rest, ok := strings.Cut(text, "://")
	if u.Kind == "" || !ok {
		return u, errors.New("not the URL of a database server; write " + spelling(cmp.Or(u.Kind, PostgreSQL)))
	}
	var err error
	if rest, err = u.login(rest); err != nil {
		return u, err
	}
	if rest, err = u.address(rest); err != nil {
		return u, err
	}
	path, query, _ := strings.Cut(rest, "?")
	u.Database = strings.TrimPrefix(path, "/")
	if u.Query, err = url.ParseQuery(query); err != nil {
		return u, errors.New("the parameters behind ? can't be read; write name=value&name=value, and percent-encode " +
			"what is not a letter, a digit or one of -._~")
	}
	if err := u.named(); err != nil {
		return u, err
	}
	return u, u.check()
}

func spelling(kind string) string {
	return kind + "://user:password@host/database"
}

// login takes user and password off the front.
func (u *URL) login(rest string) (string, error) {
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	var user, password string
	if end < len(rest) && rest[end] == ':' {
		if at := strings.IndexByte(rest[end:], '@'); at >= 0 {
			user, password, rest = rest[:end], rest[end+1:end+at], rest[end+at+1:]
			return rest, u.decode(user, password)
		}
	}
	if at := strings.LastIndexByte(rest[:end], '@'); at >= 0 {
		user, rest = rest[:at], rest[at+1:]
	}
	return rest, u.decode(user, password)
}

func (u *URL) decode(user, password string) error {
	var errs [2]error
	u.User, errs[0] = unquote(user)
	u.Password, errs[1] = unquote(password)
	if errs[0] != nil || errs[1] != nil {
		return errors.New("user and password, decoded from percent signs, are not UTF-8 text without NUL; " +
			"percent-encode their bytes in UTF-8")
	}
	return nil
}

// unquote decodes percent signs; what is no hexadecimal number stays, as in Python.
func unquote(s string) (string, error) {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && !strings.ContainsAny(s[i+1:i+3], "+-_") {
				out = append(out, byte(n))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	text := string(out)
	if strings.ToValidUTF8(text, "") != text || strings.IndexByte(text, 0) >= 0 {
		return "", errors.New("not a text")
	}
	return text, nil
}

// address takes host and port off the front.
func (u *URL) address(rest string) (string, error) {
	if strings.HasPrefix(rest, "[") {
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return "", errors.New("the host begins with [ and has no ]; write an IPv6 address like [::1]")
		}
		u.Host, rest = rest[1:end], rest[end+1:]
	} else {
		end := strings.IndexAny(rest, ":/?")
		if end < 0 {
			end = len(rest)
		}
		u.Host, rest = rest[:end], rest[end:]
	}
	if folder, err := unquote(u.Host); err == nil && strings.HasPrefix(folder, "/") {
		u.Host = folder // of a socket, as libpq spells it
	}
	if after, ok := strings.CutPrefix(rest, ":"); ok {
		end := strings.IndexAny(after, "/?")
		if end < 0 {
			end = len(after)
		}
		if port := after[:end]; port != "" {
			n, err := portOf(port)
			if err != nil {
				return "", errors.New("the port is not a number from 1 to 65535; if the password holds an @, " +
					"write it as %40")
			}
			u.Port = n
		}
		rest = after[end:]
	}
	if rest != "" && rest[0] != '/' && rest[0] != '?' {
		return "", errors.New("what follows the host is neither a port nor a database; write " + spelling(u.Kind))
	}
	return rest, nil
}

func portOf(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err == nil && n == 0 {
		err = strconv.ErrRange
	}
	return int(n), err
}

// named takes what parameters say about the login and the database: they win, as in Python's drivers.
func (u *URL) named() error {
	for _, name := range []string{"user", "username", "password", "passwd", "dbname", "database", "db", "port"} {
		value := u.take(name)
		switch {
		case value == "":
		case name == "user" || name == "username":
			u.User = value
		case name == "password" || name == "passwd":
			u.Password = value
		case name == "port" && !strings.Contains(value, ","):
			n, err := portOf(value)
			if err != nil {
				return errors.New("port: not a number from 1 to 65535")
			}
			u.Port = n
		case name == "port":
			u.Query.Set("port", value) // of several hosts
		default:
			u.Database = value
		}
	}
	return nil
}

// take removes a parameter and returns its last value.
func (u *URL) take(name string) string {
	value := u.last(name)
	u.Query.Del(name)
	return value
}

// check refuses what neither driver can use.
func (u *URL) check() error {
	if u.Database == "" {
		return errors.New("no database is named; write " + spelling(u.Kind))
	}
	if strings.Contains(u.Host, "@") {
		return errors.New("the host holds an @; if it belongs to the password, write it as %40")
	}
	for _, s := range []string{u.Host, u.Database} {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
			return errors.New("host and database must not hold control characters")
		}
	}
	known, dropped := postgresKeys, postgresDropped
	if u.Kind == MySQL {
		known, dropped = mysqlKeys, mysqlDropped
	}
	for name := range u.Query {
		if !known[name] && !dropped[name] {
			return fmt.Errorf("the parameter %q is not known here; remove it", name)
		}
	}
	var err error
	if u.Kind == MySQL {
		_, err = u.mysqlAddress()
	} else if _, err = u.searchPath(); err == nil {
		_, _, err = u.postgresHosts()
	}
	return err
}

// Place names the database without user, password and parameters that don't tell where it is:
// postgresql://host:5432/mlflow.
func (u URL) Place() string {
	var hosts []string
	if u.Kind == MySQL {
		address, _ := u.mysqlAddress()
		hosts = []string{address}
	} else {
		names, ports, _ := u.postgresHosts()
		for i := range names {
			hosts = append(hosts, net.JoinHostPort(names[i], ports[i]))
		}
	}
	place := u.Kind + "://" + strings.Join(hosts, ",") + "/" + u.Database
	if path, _ := u.searchPath(); path != "" {
		place += "?search_path=" + path
	}
	return place
}

func set(names string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}
