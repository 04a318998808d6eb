// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databases

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Certificates are files of certificates.
type Certificates struct {
	CA        string // that signed the others
	Other     string // another CA, which signed nothing
	Cert, Key string // of a client
}

// WithTLS restarts the server so that it offers TLS until the test ends. Its certificate is for localhost alone, and
// not for 127.0.0.1.
func (s *Server) WithTLS(t testing.TB) Certificates {
	t.Helper()
	dir := filepath.Dir(s.Dir)
	ca, caKey := certificate(t, "CA", nil, nil)
	other, _ := certificate(t, "other CA", nil, nil)
	server, serverKey := certificate(t, "localhost", ca, caKey)
	client, clientKey := certificate(t, "client", ca, caKey)
	made := Certificates{CA: filepath.Join(dir, "ca.pem"), Other: filepath.Join(dir, "other.pem"),
		Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key")}
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	s.write(t, made.CA, ca.Raw, nil)
	s.write(t, made.Other, other.Raw, nil)
	s.write(t, made.Cert, client.Raw, nil)
	s.write(t, made.Key, nil, clientKey)
	s.write(t, cert, server.Raw, nil)
	s.write(t, key, nil, serverKey)

	plain := s.command
	if s.Kind == "mysql" {
		s.restart(t, append(slices.Clip(plain), "--ssl-ca="+made.CA, "--ssl-cert="+cert, "--ssl-key="+key))
	} else {
		s.restart(t, append(slices.Clip(plain), "-c", "ssl=on", "-c", "ssl_ca_file="+made.CA,
			"-c", "ssl_cert_file="+cert, "-c", "ssl_key_file="+key))
	}
	t.Cleanup(func() { s.restart(t, plain) })
	return made
}

// restart ends the server and starts it with another command.
func (s *Server) restart(t testing.TB, command []string) {
	t.Helper()
	if s.Kind == "mysql" { // a kill loses what is not on the disk
		s.Exec(t, "", "FLUSH LOGS")
	}
	s.Stop()
	s.command = command
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
}

// certificate makes a certificate and its key, signed by the parent or by itself.
func certificate(t testing.TB, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate,
	*ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		template.KeyUsage, template.ExtKeyUsage, template.DNSNames = x509.KeyUsageCertSign, nil, nil
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// write writes a certificate or a key as PEM, for the owner of the server.
func (s *Server) write(t testing.TB, path string, certificate []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: certificate}
	if key != nil {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		block = &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.owner != nil {
		if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}
