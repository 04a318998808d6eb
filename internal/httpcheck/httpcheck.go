// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpcheck finds mistakes in the settings of HTTP clients that the Collector's own
// packages find only when a client is made, which is after `validate`.
//
// It checks the configuration alone: files, extensions and trusted platform modules that the
// settings name are not opened.
package httpcheck

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configtls"
)

// Client returns what is wrong with the settings of a client. Errors begin with the key. The address
// of the proxy is plain text there, which the collector shows, so it must not hold a password.
func Client(c *confighttp.ClientConfig) error {
	proxy, err := Proxy(c.ProxyURL)
	if err == nil && proxy != nil && proxy.User != nil {
		err = errors.New("proxy_url: it holds a user name or password, and the collector shows this value; write " +
			"the address with them into the environment variable HTTPS_PROXY (HTTP_PROXY for http://), and leave " +
			"proxy_url empty")
	}
	return errors.Join(err, TLS(&c.TLS))
}

// Proxy parses the address of a proxy; it is nil for the empty address. The address may hold a
// password and stays out of errors.
func Proxy(address string) (*url.URL, error) {
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return nil, errors.New("proxy_url: this is no address of a proxy; write http://proxy:3128")
	}
	return u, nil
}

// TLS returns what is wrong with the TLS settings of a client: certificates and keys in PEM, cipher
// suites, curves, versions.
func TLS(c *configtls.ClientConfig) error {
	written := *c
	written.CAFile, written.TPMConfig, written.IncludeSystemCACertsPool = "", configtls.TPMConfig{}, false
	if written.CertFile != "" || written.KeyFile != "" || c.TPMConfig.Enabled {
		written.CertFile, written.KeyFile, written.CertPem, written.KeyPem = "", "", "", ""
	}
	if err := c.Config.Validate(); err != nil {
		return nil // the collector reports it
	}
	if _, err := written.LoadTLSConfig(context.Background()); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}
