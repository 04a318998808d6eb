// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow/mlflowtest"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/collector"
	"github.com/otelcol-mlflow/otelcol-mlflow/test/otlpsink"
)

// authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // for ca_file
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return authority{key, cert, file}
}

// issue makes a certificate of a server, which a client may have, too.
func (a authority) issue(t *testing.T, address net.IP, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2),
		Subject: pkix.Name{CommonName: "server"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{address},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, a.cert,
		&key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What is wrong with the TLS of a source ends the run with a message that says it. Nothing is sent in
// plain, and the same run against the right certificate delivers.
func TestTLS(t *testing.T) {
	t.Parallel()
	const version12 = tls.VersionTLS12
	local, later := net.IPv4(127, 0, 0, 1), time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		server func(t *testing.T, a authority) *tls.Config
		client map[string]any // keys of tls; ca_file is added
		want   string         // of a run that fails
	}{
		"right": {func(t *testing.T, a authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.issue(t, local, later)}, MinVersion: version12}
		}, nil, ""},
		"expired": {func(t *testing.T, a authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.issue(t, local, time.Now().Add(-time.Hour))},
				MinVersion: version12}
		}, nil, "expired"},
		"of another host": {func(t *testing.T, a authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.issue(t, net.IPv4(10, 0, 0, 1), later)},
				MinVersion: version12}
		}, nil, "127.0.0.1"},
		"of another authority": {func(t *testing.T, _ authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{newAuthority(t).issue(t, local, later)},
				MinVersion: version12}
		}, nil, "http::tls::ca_file"},
		"too old": {func(t *testing.T, a authority) *tls.Config {
			return &tls.Config{Certificates: []tls.Certificate{a.issue(t, local, later)}, MinVersion: version12,
				MaxVersion: version12}
		}, map[string]any{"min_version": "1.3"}, "version"},
		"no certificate of the client": {func(t *testing.T, a authority) *tls.Config {
			// With TLS 1.3 a client may find out by a broken connection only.
			return &tls.Config{Certificates: []tls.Certificate{a.issue(t, local, later)}, MinVersion: version12,
				MaxVersion: version12, ClientAuth: tls.RequireAnyClientCert}
		}, nil, "tls: handshake failure"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			s := mlflowtest.NewUnstarted("3.17.2")
			t.Cleanup(s.Close)
			s.HTTP.TLS = c.server(t, a)
			s.HTTP.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.HTTP.StartTLS()
			s.Add(s.Synthetic("0", 0, 2, 10))
			settings := map[string]any{"ca_file": a.file}
			maps.Copy(settings, c.client)
			sink, dir := otlpsink.New(t), t.TempDir()
			config := quick(collector.Backfill(s.URL(), dir).ToOTLP(sink.URL, nil)).
				Set("receivers::mlflow::http::tls", settings).
				Set("receivers::mlflow::retry_on_failure::max_elapsed_time", "1s")
			p := collector.Start(t, dir, config)
			status := p.Wait()
			t.Log(headline(p))
			if c.want == "" {
				require.Zero(t, status)
				requireAll(t, dir, sink, 2)
				return
			}
			require.Equal(t, 1, status)
			assert.Contains(t, headline(p), c.want)
			require.Zero(t, sink.Requests())
		})
	}
}
