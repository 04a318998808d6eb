package databrickstest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Principal is somebody who can sign in: a user by personal access token, a service principal by its application id.
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
	details []authorizationDetail
}

// authorizationDetail is one element of authorization_details in a token request.
type authorizationDetail struct {
	Type       string   `json:"type"`
	Privileges []string `json:"privileges"`
	ObjectType string   `json:"object_type"`
	Object     string   `json:"object_full_path"`
}

func newAccess() access {
	return access{principals: map[string]*Principal{}, secrets: map[string]string{}, tokens: map[string]*token{}}
}

// AddToken makes a personal access token; the user comes into being with it.
func (w *Workspace) AddToken(secret, user string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.access.tokens[secret] = &token{who: w.principal(user, false), pat: true}
}

// AddServicePrincipal makes a service principal that can sign in with OAuth (M2M). Its name in grants is the client id.
func (w *Workspace) AddServicePrincipal(clientID, secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.principal(clientID, true)
	w.access.secrets[clientID] = secret
}

// AddPrincipal makes a principal that never signs in, so that it can be granted something: a user or a group.
func (w *Workspace) AddPrincipal(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.principal(name, false)
}

// JoinGroup makes a principal member of a group; grants of the group are his too.
func (w *Workspace) JoinGroup(principal, group string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.principal(principal, false)
	w.principal(group, false)
	p.Groups = append(p.Groups, group)
}

// RevokeTokens makes all tokens of a principal worthless, in the middle of a run. New ones can be had with the secret.
func (w *Workspace) RevokeTokens(principal string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.access.tokens {
		if t.who.Name == principal {
			t.revoked = true
		}
	}
}

// principal finds or makes one. Under the lock.
func (w *Workspace) principal(name string, service bool) *Principal {
	p := w.access.principals[name]
	if p == nil {
		p = &Principal{Name: name, Service: service}
		w.access.principals[name] = p
	}
	return p
}

// isOpen says which paths need no credential.
func isOpen(path string) bool {
	return strings.HasPrefix(path, "/.well-known/") || strings.HasPrefix(path, "/oidc/")
}

type principalKey struct{}

func withPrincipal(ctx context.Context, p signed) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// signed is who sent a request, and with which token.
type signed struct {
	*Principal
	token *token
}

// caller returns who sent the request.
func caller(r *http.Request) signed { return r.Context().Value(principalKey{}).(signed) }

// signedIn finds out who sends the request, or returns how it is refused.
func (w *Workspace) signedIn(r *http.Request) (signed, func(http.ResponseWriter)) {
	secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return signed{}, refuseCredential
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.access.tokens[secret]
	switch {
	case t == nil:
		status := w.switches.UnknownTokenStatus
		return signed{}, func(rw http.ResponseWriter) { fail(rw, status, fmt.Sprint(status), "Invalid access token.") }
	case t.revoked || !t.expires.IsZero() && !w.now().Before(t.expires):
		return signed{}, func(rw http.ResponseWriter) {
			fail(rw, http.StatusUnauthorized, "UNAUTHENTICATED", "Token is expired.")
		}
	case t.pat && w.switches.RefusePATOnOTLP && isOTLP(r.URL.Path):
		return signed{}, refuseCredential
	}
	return signed{t.who, t}, nil
}

func refuseCredential(rw http.ResponseWriter) {
	fail(rw, http.StatusUnauthorized, http.StatusUnauthorized, "Credential was not sent or was of an unsupported type for this API.")
}

// handle registers a route of the REST APIs. The handler takes the lock itself; caller(r) is who sent the request.
func (w *Workspace) handle(pattern string, handler http.HandlerFunc) {
	w.mux.HandleFunc(pattern, handler)
}

func (w *Workspace) routeAuth() {
	w.handle("GET /.well-known/databricks-config", w.hostMetadata)
	w.handle("GET /oidc/.well-known/oauth-authorization-server", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, http.StatusOK, map[string]any{"authorization_endpoint": w.URL() + "/oidc/v1/authorize", "token_endpoint": w.URL() + "/oidc/v1/token"})
	})
	w.handle("POST /oidc/v1/token", w.issueToken)
	w.handle("GET /api/2.0/preview/scim/v2/Me", func(rw http.ResponseWriter, r *http.Request) {
		who := caller(r)
		groups := []any{}
		w.mu.Lock()
		for _, g := range who.Groups {
			groups = append(groups, map[string]any{"display": g, "type": "direct", "value": g})
		}
		w.mu.Unlock()
		answer(rw, http.StatusOK, map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "id": WorkspaceID, "userName": who.Name, "displayName": who.Name,
			"active": true, "groups": groups,
		})
	})
	w.handle("/", func(rw http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/api/"); ok {
			_, path, _ = strings.Cut(rest, "/")
			path = "/" + path
		}
		fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND", fmt.Sprintf("No API found for '%s %s'", r.Method, path))
	})
}

func (w *Workspace) hostMetadata(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.switches.HostMetadata {
		answer(rw, http.StatusNotFound, struct{}{})
		return
	}
	answer(rw, http.StatusOK, map[string]any{"oidc_endpoint": w.URL() + "/oidc", "workspace_id": WorkspaceID})
}

// issueToken is the client credentials grant of OAuth, also with authorization_details for Zerobus.
func (w *Workspace) issueToken(rw http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuseToken(rw, http.StatusBadRequest, "invalid_request", "The body is no form")
		return
	}
	id, secret, basic := r.BasicAuth()
	if basic {
		id, secret = unescape(id), unescape(secret)
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if grant := r.PostForm.Get("grant_type"); grant != "client_credentials" {
		refuseToken(rw, http.StatusBadRequest, "unsupported_grant_type", fmt.Sprintf("The grant type %q is not supported", grant))
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	want, known := w.access.secrets[id]
	if !known || want != secret {
		refuseToken(rw, http.StatusUnauthorized, "invalid_client", "Client authentication failed")
		return
	}
	t := &token{who: w.access.principals[id]}
	if text := r.PostForm.Get("authorization_details"); text != "" {
		if err := json.Unmarshal([]byte(text), &t.details); err != nil {
			refuseToken(rw, http.StatusBadRequest, "invalid_authorization_details", "authorization_details is no JSON list")
			return
		}
		if want := "api://databricks/workspaces/" + WorkspaceID + "/zerobusDirectWriteApi"; r.PostForm.Get("resource") != want {
			refuseToken(rw, http.StatusBadRequest, "invalid_target", "The resource must be "+want)
			return
		}
		if message := w.undeserved(t); message != "" {
			refuseToken(rw, http.StatusForbidden, "access_denied", message)
			return
		}
	}
	w.serial++
	name := fmt.Sprintf("eyJ-fake-%d", w.serial)
	t.expires = w.now().Add(w.switches.TokenLife)
	w.access.tokens[name] = t
	document := map[string]any{"access_token": name, "token_type": "Bearer", "expires_in": int(w.switches.TokenLife.Seconds())}
	if t.details == nil {
		document["scope"] = "all-apis"
	}
	answer(rw, http.StatusOK, document)
}

// unescape undoes the form encoding that OAuth wants inside Basic credentials.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func refuseToken(rw http.ResponseWriter, status int, code, description string) {
	answer(rw, status, map[string]any{"error": code, "error_description": description, "error_id": "00000000-0000-0000-0000-000000000000"})
}

// undeserved says which privilege a Zerobus token asks for that the principal does not have; empty if none. Under the lock.
func (w *Workspace) undeserved(t *token) string {
	for _, d := range t.details {
		s := securable{strings.ToLower(d.ObjectType), strings.ToLower(d.Object)}
		for _, p := range d.Privileges {
			if p = spelled(p); !w.hasGrant(t.who, s, p) {
				return fmt.Sprintf("User does not have %s on %s '%s'.", p, d.ObjectType, d.Object)
			}
		}
	}
	return ""
}
