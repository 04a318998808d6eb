// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// loopback is where the servers of these tests listen.
var loopback = net.IPv4(127, 0, 0, 1)

// server is the TLS of a server with a certificate of the authority.
func (a authority) server(t *testing.T) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{a.issue(t, loopback, time.Now().Add(time.Hour))},
		MinVersion: tls.VersionTLS12}
}

// forClients is the TLS of a server that asks for certificates of clients, of another authority.
func (a authority) forClients(t *testing.T, clients authority) *tls.Config {
	t.Helper()
	c := a.server(t)
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	c.ClientCAs.AddCert(clients.cert)
	return c
}

// client writes a certificate of a client and its key.
func (a authority) client(t *testing.T, certFile, keyFile string) {
	t.Helper()
	c := a.issue(t, loopback, time.Now().Add(time.Hour))
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(certFile,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}), 0o600))
}

// host is the address in a URL.
func host(url string) string { return strings.TrimPrefix(url, "http://") }

// Certificates that are replaced while a backfill runs cost nothing: that of the server by one of another
// authority, when ca_file has both, and that of the client, which is read again after reload_interval.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	const traces, spans = 100, 2
	backfill := func(t *testing.T, settings map[string]any, before *tls.Config, rotate func(*Relay)) {
		sink, dir := otlpsink.New(t), t.TempDir()
		var rotated atomic.Bool
		from := NewProxy(t, history(t, "3.17.2", traces, spans).URL())
		relay := NewRelay(t, host(from.URL), before)
		from.Script(func() Script {
			reads := 0
			return func(r *http.Request, _ time.Duration) Fault {
				if strings.Contains(r.URL.Path, "batchGet") {
					if reads++; reads == 3 {
						rotate(relay)
						rotated.Store(true)
					}
				}
				return Fault{}
			}
		}())
		c := small(collector.Backfill("https://"+relay.Address, dir).ToOTLP(sink.URL, nil)).
			Set("receivers::mlflow::http::tls", settings)
		collector.Run(t, dir, c, 0)
		require.True(t, rotated.Load())
		requireAll(t, dir, sink, traces*spans)
	}
	t.Run("of the server", func(t *testing.T) {
		t.Parallel()
		old, next := newAuthority(t), newAuthority(t)
		more, err := os.ReadFile(next.file)
		require.NoError(t, err)
		both, err := os.ReadFile(old.file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(old.file, append(both, more...), 0o600))
		after := next.server(t)
		backfill(t, map[string]any{"ca_file": old.file}, old.server(t), func(r *Relay) { r.Use(after) })
	})
	t.Run("of the client", func(t *testing.T) {
		t.Parallel()
		a, old, next := newAuthority(t), newAuthority(t), newAuthority(t)
		cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
		old.client(t, cert, key)
		after := a.forClients(t, next)
		backfill(t, map[string]any{"ca_file": a.file, "cert_file": cert, "key_file": key, "reload_interval": "1ms"},
			a.forClients(t, old), func(r *Relay) {
				next.client(t, cert, key)
				r.Use(after)
			})
	})
}

// While the certificate of a destination is not trusted, a run waits and says why; nothing is sent there.
// The same run delivers once the certificate is right, and the next one after ca_file was replaced.
func TestTLSOfDestination(t *testing.T) {
	t.Parallel()
	const traces, spans = 30, 2
	for name, prepare := range map[string]func(t *testing.T) (target string, to func(*Relay, collector.Config, string),
		arrived func() int){
		"otlp_http": func(t *testing.T) (string, func(*Relay, collector.Config, string), func() int) {
			sink := otlpsink.New(t)
			return host(sink.URL), func(r *Relay, c collector.Config, ca string) {
				c.ToOTLP("https://"+r.Address, nil).Set("exporters::otlp_http::tls", map[string]any{"ca_file": ca})
			}, sink.Distinct
		},
		"otlp_grpc": func(t *testing.T) (string, func(*Relay, collector.Config, string), func() int) {
			sink := otlpsink.NewGRPC(t)
			return sink.Address, func(r *Relay, c collector.Config, ca string) {
				c.ToGRPC(r.Address).Set("exporters::otlp_grpc::tls", map[string]any{"ca_file": ca})
			}, sink.Distinct
		},
		"databricks": func(t *testing.T) (string, func(*Relay, collector.Config, string), func() int) {
			w := newWorkspace(t)
			return host(w.URL()), func(r *Relay, c collector.Config, ca string) {
				delete(c["exporters"].(map[string]any), "file")
				c.Set("exporters::databricks", map[string]any{
					"host":    "https://" + r.Address,
					"auth":    map[string]any{"auth_type": "oauth-m2m", "client_id": writer, "client_secret": secret},
					"catalog": tables.Catalog, "schema": tables.Schema, "table_prefix": tables.Prefix,
					"retry_on_failure": map[string]any{"initial_interval": "50ms", "max_interval": "200ms"},
					"http":             map[string]any{"tls": map[string]any{"ca_file": ca}},
				}).Set("service::pipelines::traces::exporters", []any{"databricks"})
			}, func() int { return len(w.Rows(spansTable)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, other := newAuthority(t), newAuthority(t)
			target, to, arrived := prepare(t)
			wrong, right := other.server(t), a.server(t)
			if name == "otlp_grpc" {
				wrong.NextProtos, right.NextProtos = []string{"h2"}, []string{"h2"}
			}
			relay, dir := NewRelay(t, target, wrong), t.TempDir()
			source := history(t, "3.17.2", traces, spans)
			c := quick(collector.Backfill(source.URL(), dir))
			to(relay, c, a.file)
			waits := func(p *collector.Process) {
				Eventually(t, func() bool {
					return strings.Contains(p.Logs(), "certificate signed by unknown authority") &&
						strings.Contains(p.Logs(), "Everything is ready")
				}, "the log names the certificate")
				require.False(t, p.Ended())
				require.Zero(t, arrived())
			}
			p := collector.Start(t, dir, c)
			waits(p)
			p.Signal(syscall.SIGTERM)
			p.Done(1)
			assert.Contains(t, headline(p), "stopped by SIGTERM after 0 of 30 traces")

			require.NoError(t, os.Remove(filepath.Join(dir, "log")))
			p = collector.Start(t, dir, c)
			waits(p)
			relay.Use(right) // another certificate
			p.Done(0)
			require.Equal(t, traces*spans, arrived())

			for i := range traces {
				source.Add(source.Synthetic("1", traces+i, spans, 10))
			}
			relay.Use(wrong)
			ca, err := os.ReadFile(other.file) // another file of authorities
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(a.file, ca, 0o600))
			collector.Run(t, dir, c, 0)
			require.Equal(t, 2*traces*spans, arrived())
		})
	}
}
