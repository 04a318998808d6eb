// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ParseURL checks the address of a tracking server, http(s)://host[:port][/prefix], and returns it
// without a trailing slash. The prefix is the server's --static-prefix or the path of a proxy. An
// address copied from the browser or from a client of the API is refused with the one to write
// instead. The error never holds user information or a query, which may be secret.
func ParseURL(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New(
			"the address of the MLflow server is not a URL; write it as http://host:5000 or https://host/prefix")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		if !strings.Contains(address, "://") && u.User == nil {
			return nil, fmt.Errorf("the address of the MLflow server %q has no scheme; write http://%s or https://%s",
				address, address, address)
		}
		return nil, fmt.Errorf(
			"the address of the MLflow server starts with %q; only http and https can be read over HTTP", u.Scheme+":")
	}
	if u.Hostname() == "" {
		return nil, errors.New(
			"the address of the MLflow server has no host; write it as http://host:5000 or https://host/prefix")
	}
	base := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(u.Path, "/")}
	if u.User != nil {
		return nil, fmt.Errorf("the address of the MLflow server holds a user name or password; write %s and put "+
			"the credentials into an authenticator (http::auth) or a header", cleaned(base))
	}
	if u.RawQuery != "" {
		return nil, fmt.Errorf("the address of the MLflow server holds a query (?…); write %s", cleaned(base))
	}
	if strings.Contains(address, "#") {
		return nil, fmt.Errorf("the address of the MLflow server is that of a page of its user interface (#%s); "+
			"write %s and choose experiments by id or name",
			bounded(strings.SplitN(u.Fragment, "?", 2)[0], 80), cleaned(base))
	}
	if want := cleaned(base); want != base.String() {
		return nil, fmt.Errorf("the address of the MLflow server ends with a part of its API (%s), which is added "+
			"to it for each request; write %s",
			strings.TrimPrefix(base.String(), want), want)
	}
	return base, nil
}

// cleaned returns the address without what belongs to the API.
func cleaned(base *url.URL) string {
	parts := strings.Split(base.Path, "/")
	for i, p := range parts {
		if p == "ajax-api" || p == "api" && (i == len(parts)-1 || parts[i+1] == "2.0" || parts[i+1] == "3.0") {
			parts = parts[:i]
			break
		}
	}
	return (&url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(strings.Join(parts, "/"), "/")}).
		String()
}

// bounded cuts a text of unknown origin to n bytes and to one line.
func bounded(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
