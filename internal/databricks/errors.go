// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

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
	"net/url"
	"strings"
	"syscall"

	"github.com/databricks/databricks-sdk-go/apierr"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// Kind says what sort of trouble a request met.
type Kind string

// The kinds of errors.
const (
	KindSignIn   Kind = "sign_in"   // the credential is refused, or none could be had
	KindDenied   Kind = "denied"    // the workspace knows the caller and refuses
	KindNotFound Kind = "not_found" // the thing asked for is not there, or may not be seen
	// the workspace has no such API: an address that is none of a workspace, a feature that is off
	KindNoRoute     Kind = "no_route"
	KindExists      Kind = "exists"      // what should be made is there
	KindInvalid     Kind = "invalid"     // the workspace refuses what is asked
	KindFailed      Kind = "failed"      // a statement ended with a fault
	KindBusy        Kind = "busy"        // 429 and 5xx: passes by itself
	KindSlow        Kind = "slow"        // no answer in time
	KindUnreachable Kind = "unreachable" // no connection, so nothing else gets there either
	KindBadAnswer   Kind = "answer"      // the answer can't be understood
)

// Error is a request that did not get what it asked for. Its text says what was wanted and what
// went wrong; of the answer it holds the workspace's own message at most, cut short.
type Error struct {
	Kind    Kind
	Doing   string // "reading the table cat.sch.t"
	Status  int    // of HTTP; 0: no answer
	Code    string // error_code of the workspace
	Message string
	Err     error // cause, or nil
}

// Error implements error.
func (e *Error) Error() string {
	s := e.Doing + ": " + e.Message
	var about []string
	if status := fmt.Sprintf("status %d", e.Status); e.Status != 0 && e.Status != http.StatusOK &&
		!strings.Contains(e.Message, status) {
		about = append(about, status)
	}
	if e.Code != "" && !strings.Contains(e.Message, e.Code) {
		about = append(about, e.Code)
	}
	if about != nil {
		s += " (" + strings.Join(about, ", ") + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error of this package; empty for nil and for others.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// Passes reports whether the same request may do better later, without a change.
func Passes(err error) bool {
	switch KindOf(err) {
	case KindBusy, KindSlow, KindUnreachable:
		return true
	}
	return false
}

// explain turns what the SDK returns into an *Error; nil stays nil. The context's end is no error
// of the workspace, but looks like one to callers that bound a request.
func explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Doing: doing, Err: err}
	var (
		api    *apierr.APIError
		to     *redirected
		no     *unaccepted
		silent *noAnswer
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
		sign   *signin.SignInError
	)
	switch {
	case errors.As(err, &api):
		answered(e, api)
	case errors.As(err, &sign):
		unsigned(e, sign)
	case errors.As(err, &to):
		e.Kind, e.Message = KindNoRoute, "the address redirects to "+short(to.to.Scheme+"://"+to.to.Host+to.to.Path)+
			"; write the workspace's own address into host"
		if strings.Contains(to.to.RawQuery, "private-link-validation-error") {
			e.Message = "the workspace takes requests over Private Link only, and this network is outside it"
		}
	case errors.As(err, &no):
		e.Kind, e.Status, e.Message = KindDenied, no.status, short(no.reason)
		if edge.TokenRefused(no.status, no.reason) {
			e.Kind = KindSignIn
		}
	case errors.Is(err, errTooLarge):
		e.Kind, e.Message = KindBadAnswer, errTooLarge.Error()
	case ctx.Err() != nil:
		e.Kind, e.Message, e.Err = KindSlow, "no answer in time", ctx.Err()
	case errors.As(err, &silent):
		unanswered(e, silent.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind, e.Message = KindBusy, "the connection was closed before the answer was complete"
	case strings.Contains(err.Error(), "of inactivity"): // the SDK's own timeout
		e.Kind, e.Message = KindSlow, "no answer in time"
	case errors.As(err, &syntax), errors.As(err, &typed), strings.Contains(err.Error(), "HTML response"):
		e.Kind, e.Message = KindBadAnswer,
			"the answer is no JSON document of a Databricks API; check that host is a workspace's address"
	default:
		e.Kind, e.Message = KindBadAnswer, short(last(err))
	}
	return e
}

// answered explains an answer other than success.
func answered(e *Error, api *apierr.APIError) {
	e.Status, e.Code, e.Message = api.StatusCode, api.ErrorCode, short(api.Message)
	if e.Code == "<nil>" || strings.Trim(e.Code, "0123456789") == "" {
		e.Code = "" // none, or the status once more
	}
	if e.Message == "" {
		e.Message = http.StatusText(api.StatusCode)
	}
	lower := strings.ToLower(api.Message)
	switch s := api.StatusCode; {
	case e.Code == "ENDPOINT_NOT_FOUND", e.Code == "FEATURE_DISABLED", e.Code == "METASTORE_DOES_NOT_EXIST",
		s == http.StatusNotImplemented:
		e.Kind = KindNoRoute
	case edge.TokenRefused(s, api.Message):
		e.Kind = KindSignIn
	case s == http.StatusForbidden:
		e.Kind = KindDenied
	case s == http.StatusNotFound && (e.Code == "" || e.Code == "UNKNOWN" || e.Code == "NOT_FOUND" &&
		strings.Contains(lower, "<html")):
		e.Kind, e.Message = KindNoRoute,
			"there is no such API at this address; check that host is a workspace's address"
	case s == http.StatusNotFound:
		e.Kind = KindNotFound
	case errors.Is(api, apierr.ErrAlreadyExists), errors.Is(api, apierr.ErrResourceAlreadyExists),
		strings.HasSuffix(e.Code, "_ALREADY_EXISTS"),
		s == http.StatusBadRequest && strings.Contains(lower, "already exists"):
		e.Kind = KindExists
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s >= 500:
		e.Kind = KindBusy
	default:
		e.Kind = KindInvalid
	}
}

// unsigned explains a request that was not sent, since there was no token for it.
func unsigned(e *Error, sign *signin.SignInError) {
	e.Status, e.Code = sign.Status, sign.Code
	switch {
	case sign.Permanent:
		e.Kind = KindSignIn
	case sign.Status != 0:
		e.Kind = KindBusy
	case sign.Unwrap() != nil:
		unanswered(e, sign.Unwrap())
		if e.Kind == KindSignIn {
			e.Kind = KindSlow
		}
	default:
		e.Kind = KindSlow
	}
	e.Message = short(sign.Error())
}

// unanswered explains a request without an answer.
func unanswered(e *Error, err error) {
	var (
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		op      *net.OpError
		timeout net.Error
		address *url.Error
	)
	host := "the workspace"
	if errors.As(err, &address) {
		if u, perr := url.Parse(address.URL); perr == nil && u.Host != "" {
			host = u.Host
		}
	}
	e.Kind = KindUnreachable
	switch {
	case errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &verify):
		e.Message = "the certificate of " + host + " is not accepted here: " + short(last(err)) + "; see http::tls"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Message = host + " does not speak TLS; check the scheme in host"
	case errors.As(err, &dns):
		e.Message = "the host name " + dns.Name + " can't be resolved; check its spelling and the DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = "nothing listens at " + host + " (connection refused)"
	case errors.As(err, &op) && op.Op == "dial", strings.Contains(err.Error(), "proxyconnect"):
		e.Message = "no connection to " + host + ": " + short(last(err))
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, context.Canceled):
		e.Kind, e.Message = KindSlow, "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.As(err, &op):
		e.Kind, e.Message = KindBusy, host+" closed the connection before the answer was complete"
	default:
		// What is left comes from signing: no credential could be had.
		e.Kind, e.Message = KindSignIn, short(last(err))
	}
}

// last is the text of an error without the addresses that net/http puts in front.
func last(err error) string {
	var address *url.Error
	for errors.As(err, &address) {
		err = address.Err
	}
	return err.Error()
}

// short is the first line of a message, 300 bytes at most.
func short(s string) string {
	const most = 300
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
