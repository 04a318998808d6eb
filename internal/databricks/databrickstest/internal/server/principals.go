// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Principal can sign in: a user by personal access token, a service principal by its application
// id.
type Principal struct {
	Name    string // user name, or application id
	Service bool
	Groups  []string
}

// access is who may sign in with what.
type access struct {
	principals map[string]*Principal
	secrets    map[string]string // of service principals, by application id
	tokens     map[string]*token
}

type token struct {
	who     *Principal
	pat     bool
	expires time.Time // zero: never
	revoked bool
	// details are the privileges that a Zerobus token was asked for; nil for a workspace token.
	details []Detail
}

// Detail is one element of authorization_details in a token request.
type Detail struct {
	Type       string   `json:"type"`
	Privileges []string `json:"privileges"`
	ObjectType string   `json:"object_type"`
	Object     string   `json:"object_full_path"`
}

func newAccess() access {
	return access{principals: map[string]*Principal{}, secrets: map[string]string{}, tokens: map[string]*token{}}
}

// AddToken makes a personal access token; the user comes into being with it.
func (w *Server) AddToken(secret, user string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.access.tokens[secret] = &token{who: w.Principal(user, false), pat: true}
}

// AddServicePrincipal makes a service principal that can sign in with OAuth (M2M). Its name in
// grants is the client id.
func (w *Server) AddServicePrincipal(clientID, secret string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Principal(clientID, true)
	w.access.secrets[clientID] = secret
}

// AddPrincipal makes a principal that never signs in, so that it can be granted something: a user
// or a group.
func (w *Server) AddPrincipal(name string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.Principal(name, false)
}

// JoinGroup makes a principal member of a group; the grants of the group are those of the member
// too.
func (w *Server) JoinGroup(principal, group string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	p := w.Principal(principal, false)
	w.Principal(group, false)
	p.Groups = append(p.Groups, group)
}

// RevokeTokens revokes all tokens of a principal, in the middle of a run. New ones can be had with
// the secret.
func (w *Server) RevokeTokens(principal string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	for _, t := range w.access.tokens {
		if t.who.Name == principal {
			t.revoked = true
		}
	}
}

// Principal finds or makes one. Under the lock.
func (w *Server) Principal(name string, service bool) *Principal {
	p := w.access.principals[name]
	if p == nil {
		p = &Principal{Name: name, Service: service}
		w.access.principals[name] = p
	}
	return p
}

// IsPrincipal reports whether there is a principal of that name. Under the lock.
func (w *Server) IsPrincipal(name string) bool { return w.access.principals[name] != nil }

// ServicePrincipal is the service principal with this id and secret; nil if one of them is wrong.
// Under the lock.
func (w *Server) ServicePrincipal(id, secret string) *Principal {
	if want, ok := w.access.secrets[id]; !ok || want != secret {
		return nil
	}
	return w.access.principals[id]
}

// Issue makes an OAuth token of a principal, which is valid for Switches.TokenLife. Under the lock.
func (w *Server) Issue(who *Principal, details []Detail) string {
	name := fmt.Sprintf("eyJ-fake-%d", w.Next())
	w.access.tokens[name] = &token{who: who, details: details, expires: w.Now().Add(w.Switches.TokenLife)}
	return name
}

// isOpen says which paths need no credential.
func isOpen(path string) bool {
	return strings.HasPrefix(path, "/.well-known/") || strings.HasPrefix(path, "/oidc/")
}

type principalKey struct{}

func withPrincipal(ctx context.Context, p signed) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// signed is who sent a request, and what the token was asked for: nil for a workspace token.
type signed struct {
	*Principal
	Details []Detail
}

// Caller returns who sent the request.
func Caller(r *http.Request) signed { return r.Context().Value(principalKey{}).(signed) }

// signedIn finds out who sends the request, or returns how it is refused.
func (w *Server) signedIn(r *http.Request) (signed, func(http.ResponseWriter)) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return signed{}, refuseCredential
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	t := w.access.tokens[secret]
	switch {
	case t == nil, t.revoked, !t.expires.IsZero() && !w.Now().Before(t.expires):
		status, id := w.Switches.UnknownTokenStatus, w.NewID()
		return signed{}, func(rw http.ResponseWriter) {
			rw.Header().Set(ReasonHeader, "Invalid access token.")
			Fail(rw, status, status, "Invalid access token. [ReqId: "+id+"]")
		}
	case t.pat && w.Switches.RefusePATOnOTLP && isOTLP(r.URL.Path):
		return signed{}, refuseCredential
	}
	return signed{t.who, t.details}, nil
}

// ReasonHeader is the header in which the edge says why it refuses. It is written here once more,
// and not taken from the code under test.
const ReasonHeader = "X-Databricks-Reason-Phrase"

func refuseCredential(rw http.ResponseWriter) {
	Fail(rw, http.StatusUnauthorized, http.StatusUnauthorized,
		"Credential was not sent or was of an unsupported type for this API.")
}

// Handle registers a route of the REST APIs. The handler takes the lock itself; caller(r) is who
// sent the request.
func (w *Server) Handle(pattern string, handler http.HandlerFunc) {
	w.mux.HandleFunc(pattern, handler)
}

// isOTLP reports whether the path of the workspace takes OTLP.
func isOTLP(path string) bool {
	return strings.HasPrefix(path, "/api/2.0/otel/v1/") || strings.HasPrefix(path, "/api/2.0/tracing/otel/v1/")
}
