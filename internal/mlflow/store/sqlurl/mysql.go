// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package sqlurl

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlKeys are the parameters of Python's drivers that have a meaning here.
var mysqlKeys = set(`host unix_socket ssl ssl_ca ssl_cert ssl_key ssl_check_hostname ssl_verify_identity
	ssl_verify_cert ssl_disabled ssl_mode connect_timeout read_timeout write_timeout`)

// mysqlDropped are those that change nothing for a reader. The character set is always utf8mb4.
var mysqlDropped = set(`charset collation use_unicode binary_prefix local_infile autocommit sql_mode
	init_command program_name compress connection_timeout client_flag conv buffered raise_on_warnings
	auth_plugin use_pure`)

// connectTimeout bounds the making of a connection where the URL doesn't.
const connectTimeout = 30 * time.Second

// mysqlAddress returns host:port, or the path of a socket.
func (u URL) mysqlAddress() (string, error) {
	if socket := u.last("unix_socket"); socket != "" {
		if !strings.HasPrefix(socket, "/") {
			return "", errors.New("unix_socket: not the absolute path of a socket")
		}
		return socket, nil
	}
	if len(u.Query["host"]) > 1 {
		return "", errors.New("host: only one host can be used")
	}
	host := cmp.Or(u.last("host"), u.Host, "localhost")
	return net.JoinHostPort(host, strconv.Itoa(cmp.Or(u.Port, 3306))), nil
}

// MySQL returns the settings of go-sql-driver for the URL. It reads the files of certificates that the URL
// names.
func (u URL) MySQL() (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = u.User, u.Password, u.Database
	c.Net, c.Logger = "tcp", &mysql.NopLogger{}
	c.InterpolateParams = true // one round trip instead of three
	c.Timeout = connectTimeout
	c.ConnectionAttributes = "program_name:otelcol-mlflow"
	var err error
	if c.Addr, err = u.mysqlAddress(); err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.Addr, "/") {
		c.Net = "unix"
	}
	for name, to := range map[string]*time.Duration{"connect_timeout": &c.Timeout, "read_timeout": &c.ReadTimeout,
		"write_timeout": &c.WriteTimeout} {
		if v := u.last(name); v != "" {
			seconds, err := strconv.ParseFloat(v, 64)
			if err != nil || !(seconds > 0 && seconds < 1e6) {
				return nil, fmt.Errorf("%s: not a positive number of seconds", name)
			}
			*to = time.Duration(seconds * float64(time.Second))
		}
	}
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	if c.Net == "tcp" {
		err = u.mysqlTLS(c)
	}
	return c, err
}

// sslFiles are the members of ssl={"ca": …}, of which the parameters are another spelling.
type sslFiles struct {
	CA            string `json:"ca"`
	Cert          string `json:"cert"`
	Key           string `json:"key"`
	CheckHostname *bool  `json:"check_hostname"`
}

// mysqlTLS decides how the connection is encrypted, as PyMySQL and mysqlclient do: with ssl_ca the
// certificate of the server is verified, with ssl_verify_identity the name, too. Without any parameter TLS is
// used where the server has it.
func (u URL) mysqlTLS(c *mysql.Config) error {
	is := func(name string) bool { return isTrue(u.last(name)) }
	mode := strings.ToUpper(u.last("ssl_mode"))
	if is("ssl_disabled") || mode == "DISABLED" || strings.EqualFold(u.last("ssl"), "false") {
		return nil
	}
	files := sslFiles{CA: u.last("ssl_ca"), Cert: u.last("ssl_cert"), Key: u.last("ssl_key")}
	named := is("ssl_verify_identity") || is("ssl_check_hostname") || mode == "VERIFY_IDENTITY"
	chained := is("ssl_verify_cert") || mode == "VERIFY_CA"
	required := mode == "REQUIRED" || chained || named || files != (sslFiles{}) || isTrue(u.last("ssl"))
	if text := u.last("ssl"); strings.HasPrefix(text, "{") {
		if err := json.Unmarshal([]byte(text), &files); err != nil {
			return errors.New(`ssl: not an object like {"ca": "/path/ca.pem"}`)
		}
		named = files.CA != "" && (files.CheckHostname == nil || *files.CheckHostname)
		required = true
	}
	host, _, _ := net.SplitHostPort(c.Addr)
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if files.Cert != "" || files.Key != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, cmp.Or(files.Key, files.Cert))
		if err != nil {
			return fmt.Errorf("ssl_cert and ssl_key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	var roots *x509.CertPool // nil: those of the system
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return fmt.Errorf("ssl_ca: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ssl_ca: %s holds no certificate", files.CA)
		}
	}
	verified := roots != nil || named || chained
	t.RootCAs, t.InsecureSkipVerify = roots, !named
	if verified && !named {
		t.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, roots) }
	}
	c.TLS, c.AllowFallbackToPlaintext = t, !required
	c.AllowCleartextPasswords = verified // tokens of clouds are sent as they are
	return nil
}

// verifyChain verifies the certificate of a server without its name.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	return err
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true
	}
	return false
}
