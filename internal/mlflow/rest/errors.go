// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
)

// Kind says what sort of trouble a request met, for deciding and for telling people.
type Kind string

// The kinds of errors.
const (
	KindAddress     Kind = "address"     // no MLflow API at this address, wrong scheme, a web page in its place
	KindCredentials Kind = "credentials" // missing or wrong credentials, a login page
	KindPermission  Kind = "permission"  // the server knows the caller and refuses
	KindHostCheck   Kind = "host_check"  // the server does not accept the host name that it is called by
	KindRequest     Kind = "request"     // the server refuses what is asked: filter, workspace, experiment id
	KindNotFound    Kind = "not_found"   // the thing asked for is not there
	KindAnswer      Kind = "answer"      // the answer can't be understood or is too large
	KindUnavailable Kind = "unavailable" // network, overload, maintenance: passes by itself
	KindServer      Kind = "server"      // the server keeps answering 500
)

// Error is a request that failed. Its text says what is wrong and what to do; of the answer it
// holds the server's own message at most, cut short.
type Error struct {
	Kind    Kind   // what sort of trouble it is
	Route   string // for people and metrics: "traces/search"
	Status  int    // 0: no answer
	Code    string // MLflow's error_code
	Message string // what is wrong and what to do, for people
	Err     error  // cause, or nil

	again class
	after time.Duration // that the server asks to wait, 0: none
	html  bool          // the answer was no MLflow error document
}

// Error implements error.
func (e *Error) Error() string {
	s := "MLflow " + e.Route + ": " + e.Message
	if e.Status != 0 && e.Status != http.StatusOK {
		s += fmt.Sprintf(" (status %d)", e.Status)
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Permanent reports whether trying again without a change of configuration or server is pointless.
func (e *Error) Permanent() bool { return e.again == never }

// mayPass reports whether the server failed in a way that can pass: it gave no answer, or a 500.
func (e *Error) mayPass() bool { return e.again == network || e.again == capped }

// SignInError is for a transport that signs requests and could not: Permanent, if trying again is
// pointless. Its text is shown to people.
type SignInError struct {
	Err       error
	Permanent bool // trying again is pointless
}

// Error implements error.
func (e *SignInError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *SignInError) Unwrap() error { return e.Err }

// class says how often a request that failed is tried again.
type class uint8

const (
	never   class = iota // the same answer would come again
	capped               // 500 and the like: may pass, may never
	network              // no answer or a gateway's: passes, unless this very request is the cause
	waiting              // the server asks to wait: 429, 503
)

// notMLflow explains an answer that no MLflow server gives.
const notMLflow = "an MLflow tracking server doesn't answer there; check host, port and path prefix (the server's " +
	"--static-prefix or the proxy's path)"

// statusError explains an answer other than 200. The body is what could be read of it.
func statusError(route string, res *http.Response, body []byte) *Error {
	e := &Error{Route: route, Status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"))}
	var doc struct {
		Code    any    `json:"error_code"` // a number where the proxy of Databricks answers
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &doc) == nil && doc.Code != nil && doc.Code != "" {
		e.Code, e.Message = fmt.Sprint(doc.Code), bounded(doc.Message, 300)
	} else {
		e.html = true
	}
	if e.Message == "" {
		e.Message = bounded(edge.Reason(res.StatusCode, res.Header), 300)
	}
	for i := range refusals {
		if r := &refusals[i]; r.applies(e, res, string(body[:min(len(body), 2048)])) {
			e.Kind, e.again = r.kind, r.again
			r.explain(e, res)
			break
		}
	}
	return e
}

// refusal is what a group of statuses means.
type refusal struct {
	kind  Kind
	again class
	// applies reports whether an answer with the start of its text is one of the group. e holds
	// what the server itself says of the error.
	applies func(e *Error, res *http.Response, text string) bool
	// explain completes e, above all its message for people.
	explain func(e *Error, res *http.Response)
}

// status returns an applies that looks at nothing but the status.
func status(codes ...int) func(*Error, *http.Response, string) bool {
	return func(e *Error, _ *http.Response, _ string) bool { return slices.Contains(codes, e.Status) }
}

// says returns an explain that writes a message and, behind it, the server's own.
func says(message string) func(*Error, *http.Response) {
	return func(e *Error, _ *http.Response) { e.Message = message + colon(e.Message) }
}

// replaces returns an explain that writes a message in place of the server's own.
func replaces(message string) func(*Error, *http.Response) {
	return func(e *Error, _ *http.Response) { e.Message = message }
}

// unless returns an explain that writes a message where the server has none.
func unless(message string) func(*Error, *http.Response) {
	return func(e *Error, _ *http.Response) {
		if e.Message == "" {
			e.Message = message
		}
	}
}

// refusals are the groups of statuses other than 200. The first that applies counts.
var refusals = []refusal{
	{
		applies: func(e *Error, _ *http.Response, _ string) bool { return e.Status >= 300 && e.Status < 400 },
		kind:    KindAddress, explain: redirected,
	},
	{
		applies: status(http.StatusUnauthorized),
		kind:    KindCredentials,
		explain: replaces("the server asks for credentials, and they are missing or wrong; set an authenticator in " +
			"http::auth (basicauth, bearertokenauth, oauth2client) or an Authorization header"),
	},
	{
		applies: func(e *Error, _ *http.Response, text string) bool {
			return e.Status == http.StatusForbidden && strings.Contains(text, "Invalid Host header")
		},
		kind: KindHostCheck,
		explain: func(e *Error, res *http.Response) {
			e.Message = fmt.Sprintf(
				"the server refuses the host name %q (its check against DNS rebinding); start it with "+
					"--allowed-hosts %s or MLFLOW_SERVER_ALLOWED_HOSTS, or call it by localhost or "+
					"a private IP address",
				res.Request.URL.Host, res.Request.URL.Hostname())
		},
	},
	{
		applies: status(http.StatusForbidden),
		kind:    KindPermission, explain: says("the credentials are accepted, but lack the permission to read this"),
	},
	{
		applies: func(e *Error, _ *http.Response, _ string) bool {
			return e.Status == http.StatusNotFound && e.html || e.Status == http.StatusMethodNotAllowed
		},
		kind: KindAddress,
		explain: func(e *Error, _ *http.Response) {
			e.html = true
			e.Message = "no such route: " + notMLflow
		},
	},
	{
		applies: status(http.StatusNotFound),
		kind:    KindNotFound, explain: func(*Error, *http.Response) {},
	},
	{
		applies: status(http.StatusProxyAuthRequired),
		kind:    KindCredentials, explain: replaces("the proxy asks for credentials; write its address with them " +
			"into the environment variable HTTPS_PROXY (HTTP_PROXY for http://), and leave http::proxy_url empty"),
	},
	{
		applies: func(e *Error, res *http.Response, _ string) bool {
			return e.Code == "FEATURE_DISABLED" && res.Request.Header.Get(workspaceHeader) != ""
		},
		kind: KindRequest,
		explain: says("`workspace` is set, but the server has no workspaces; remove it or start the server with " +
			"workspaces enabled"),
	},
	{
		applies: status(http.StatusTooManyRequests, http.StatusServiceUnavailable),
		kind:    KindUnavailable, again: waiting, explain: says("the server is overloaded or not ready"),
	},
	{
		applies: status(http.StatusRequestTimeout, http.StatusBadGateway, http.StatusGatewayTimeout),
		kind:    KindUnavailable, again: network,
		explain: says("the server or a gateway before it gave no answer in time"),
	},
	{
		applies: func(e *Error, _ *http.Response, _ string) bool { return e.Status >= 500 && permanentFault(e) },
		kind:    KindServer, explain: unless(serverFailed),
	},
	{
		applies: func(e *Error, _ *http.Response, _ string) bool { return e.Status >= 500 },
		kind:    KindServer, again: capped, explain: unless(serverFailed),
	},
	{
		applies: func(e *Error, _ *http.Response, text string) bool {
			return e.Status == http.StatusBadRequest && e.html &&
				(strings.Contains(text, "HTTPS server") || strings.Contains(text, "HTTPS port"))
		},
		kind: KindAddress, explain: replaces("the server speaks https; write https:// in the address"),
	},
	{
		applies: func(*Error, *http.Response, string) bool { return true },
		kind:    KindRequest, explain: unless("the server refuses the request"),
	},
}

const serverFailed = "the server failed; its log says why"

// permanentFault reports whether a 500 is really an answer about the request. MLflow maps many of
// them to 500: mlflow/server/handlers.py turns each exception without an error code into
// INTERNAL_ERROR.
func permanentFault(e *Error) bool {
	if e.Code == "FEATURE_DISABLED" || e.Status == http.StatusNotImplemented {
		return true
	}
	for _, s := range []string{notInStore, notExported, corruptData, "invalid literal for int()"} {
		if strings.Contains(e.Message, s) {
			return true
		}
	}
	return false
}

// Parts of the messages by which servers say in a 500 what is the matter with one trace.
const (
	// batchGet, get: one of the traces has no spans in the database
	notInStore = "not stored in tracking store"
	// artifact route of 3.6: unknown, or fewer spans than announced
	notExported = "Failed to get trace data from tracking store"
	corruptData = "Trace data is corrupted" // artifact route: the file is not JSON
)

func colon(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// redirected explains a redirect that is not followed.
func redirected(e *Error, res *http.Response) {
	to, err := res.Location()
	if err != nil {
		e.Message = notMLflow
		return
	}
	from := res.Request.URL
	if to.Hostname() == from.Hostname() && (to.Scheme != from.Scheme || to.Host != from.Host) {
		e.Message = fmt.Sprintf("the server redirects to %s://%s; write that into the address", to.Scheme, to.Host)
		return
	}
	if to.Host == from.Host {
		e.Message = fmt.Sprintf(
			"the server redirects %s to %s; if MLflow is served below another path, write that path "+
				"into the address", from.Path, to.Path)
		return
	}
	e.Kind = KindCredentials
	e.Message = fmt.Sprintf("the server redirects to %s://%s, which looks like a login; nothing is sent there. Set "+
		"credentials in http::auth or an Authorization header that the proxy before the server accepts",
		to.Scheme, to.Host)
}

// webPage explains an answer 200 that is a page for people.
func webPage(route string) *Error {
	return &Error{Kind: KindCredentials, Route: route, Status: http.StatusOK, html: true,
		Message: "the answer is a web page, not JSON: a login page or proxy stands before the server, or the " +
			"address is not that of an MLflow server; set credentials in http::auth or an Authorization header, and " +
			"check the address"}
}

// transportError explains a request without an answer.
func transportError(route string, r *http.Request, err error) *Error {
	e := &Error{Kind: KindUnavailable, Route: route, Err: withoutURL(err), again: network}
	host := r.URL.Host
	var (
		dns       *net.DNSError
		unknown   x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		timeout   net.Error
		opError   *net.OpError
		signIn    *SignInError
		tlsAlert  tls.AlertError
		notTLS    tls.RecordHeaderError
		isTimeout = errors.As(err, &timeout) && timeout.Timeout()
	)
	bad := func(k Kind, format string, args ...any) *Error {
		e.Kind, e.again, e.Message = k, never, fmt.Sprintf(format, args...)
		return e
	}
	switch {
	case errors.As(err, &signIn):
		e.Kind, e.Message = KindCredentials, bounded(signIn.Error(), 400)
		if signIn.Permanent {
			e.again = never
		}
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &notTLS),
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return bad(KindAddress, "%s speaks plain http; write http:// in the address", host)
	case strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`):
		return bad(KindAddress, "%s speaks https; write https:// in the address", host)
	case errors.As(err, &unknown):
		return bad(KindAddress, "the certificate of %s is signed by an authority that is not trusted here; give its "+
			"certificate in http::tls::ca_file", host)
	case errors.As(err, &name):
		return bad(KindAddress, "the certificate of %s is for another name; call the server by that name or set "+
			"http::tls::server_name_override", host)
	case errors.As(err, &invalid):
		return bad(KindAddress, "the certificate of %s is not valid: %s", host, bounded(invalid.Error(), 120))
	case errors.As(err, &verify):
		return bad(KindAddress, "the certificate of %s can't be verified", host)
	case errors.As(err, &tlsAlert):
		return bad(KindCredentials,
			"%s refuses the TLS connection (%s); it may ask for a client certificate: http::tls::cert_file, key_file",
			host, bounded(tlsAlert.Error(), 80))
	case errors.As(err, &dns):
		e.Message = fmt.Sprintf("the host name %s can't be resolved; check its spelling and the DNS", dns.Name)
		if isTimeout {
			e.Message = "the DNS doesn't answer for the host name " + dns.Name
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = fmt.Sprintf(
			"nothing listens at %s (connection refused); check host and port, and that the server runs", host)
	case errors.Is(err, context.DeadlineExceeded), isTimeout:
		e.Message = host + " doesn't answer in time; check that it can be reached from here, or raise http::timeout"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		e.Message = host + " closed the connection before the answer was complete"
	case errors.As(err, &opError):
		e.Message = fmt.Sprintf("no connection to %s: %s", host, bounded(opError.Err.Error(), 160))
	default:
		e.Message = fmt.Sprintf("no answer from %s: %s", host, bounded(e.Err.Error(), 160))
	}
	return e
}

func asError(err error) (*Error, bool) { return errors.AsType[*Error](err) }
