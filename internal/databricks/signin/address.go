// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ParseHost checks the address of a workspace, https://name[:port], and returns it in the one form
// that addresses are compared in: lower case, without a slash at the end and without the port that
// the scheme implies. http is allowed on loopback only. Errors never hold user information, path or
// query.
func ParseHost(address string) (*url.URL, error) {
	const form = "write https://….cloud.databricks.com, https://adb-….azuredatabricks.net or " +
		"https://….gcp.databricks.com"
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("this is no address; " + form)
	}
	if u.User != nil {
		return nil, errors.New("credentials do not belong in the address; write them under token, or client_id " +
			"and client_secret, or name an auth_type")
	}
	if u.Host == "" {
		if !strings.ContainsAny(address, ":/?#@") {
			return nil, fmt.Errorf("%q has no scheme; write https://%s", address, address)
		}
		return nil, errors.New("the address needs a scheme and a name; " + form)
	}
	clean := &url.URL{Scheme: u.Scheme, Host: canonicalHost(u)}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("the scheme %q is not known; write https://%s", u.Scheme, clean.Host)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("tokens are not sent over http, except on loopback; write https://%s", clean.Host)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(address, "#"):
		return nil, fmt.Errorf("a query (?…) or a fragment (#…) does not belong to the workspace's address; write %s",
			clean)
	case u.Path != "" && u.Path != "/":
		return nil, fmt.Errorf("a path does not belong to the workspace's address; write %s", clean)
	case strings.HasPrefix(clean.Host, "accounts.") || strings.HasPrefix(clean.Host, "accounts-dod."):
		return nil, fmt.Errorf("%s is the account console; %s", clean.Host, form)
	}
	return clean, nil
}

// canonicalHost is the host of an address in lower case, with the port only if the scheme does not
// imply it.
func canonicalHost(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return host
}

// loopback reports whether a name or an address can't leave the machine.
func loopback(name string) bool {
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
