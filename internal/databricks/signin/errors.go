// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// SignInError is a sign-in that failed: no request was sent. Its text names the host, the identity
// and the reason, quotes the refusal, and holds no credential.
//
// errors.As finds it below the errors of net/http and of the SDK.
type SignInError struct {
	// Host is the workspace, AuthType the way to sign in.
	Host, AuthType string
	// Permanent reports a refusal, or something that is missing on this machine: trying again helps
	// only after a person has changed something (the secret, the grant, the file). Otherwise it is
	// trouble that passes by itself: no answer, too many requests, a fault of the server, a
	// canceled request.
	Permanent bool
	// Status is the HTTP status of the answer, 0 if there was none; Code is the error of OAuth
	// (invalid_client) or of the REST API (PERMISSION_DENIED), or empty.
	Status int
	Code   string
	// Detail is what is known beyond that, one line, without credentials.
	Detail string

	as    string // the identity, or empty
	cause error
}

// Error implements error.
func (e *SignInError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "sign-in to %s as %s", e.Host, e.AuthType)
	if e.as != "" {
		b.WriteString(", " + e.as)
	}
	switch {
	case e.Status != 0 && e.Permanent:
		b.WriteString(" is refused: ")
	default:
		b.WriteString(" failed: ")
	}
	var parts []string
	if e.Status != 0 {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("status %d %s", e.Status, e.Code)))
	}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	b.WriteString(strings.Join(parts, ": "))
	if hint := e.remedy(); hint != "" {
		b.WriteString("; " + hint)
	}
	return b.String()
}

// Unwrap returns the cause: a context's error, a network error, or nil.
func (e *SignInError) Unwrap() error { return e.cause }

// remedy says what to do about the refusals that people meet.
func (e *SignInError) remedy() string {
	switch {
	case e.Code == "invalid_client" && e.AuthType == "oauth-m2m":
		return "check client_id and client_secret: the secret may have expired, or belong to another service " +
			"principal or " +
			"account"
	case e.Code == "invalid_client", e.Code == "unauthorized_client":
		return "check the client id and its secret or federation"
	case e.Code == "invalid_scope":
		return "check scopes"
	case e.Status == http.StatusNotFound:
		return "check that host is the address of a workspace"
	}
	return ""
}

// permanent reports whether an answer is a refusal that stays.
func permanent(status int, code string) bool {
	switch code {
	case "temporarily_unavailable", "server_error", "slow_down":
		return false
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status < 500
}

func isPermanent(err error) bool {
	var e *SignInError
	return errors.As(err, &e) && e.Permanent
}
