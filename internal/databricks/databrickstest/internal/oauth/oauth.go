// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package oauth serves the sign-in of the fake workspace. It issues tokens to service principals,
// and answers who is signed in.
package oauth

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// Tokens are the routes of OAuth.
type Tokens struct{ *catalog.Catalog }

// Register registers the routes.
func Register(c *catalog.Catalog) {
	w := Tokens{c}

	w.Handle("GET /.well-known/databricks-config", w.hostMetadata)
	w.Handle("GET /oidc/.well-known/oauth-authorization-server", func(rw http.ResponseWriter, _ *http.Request) {
		server.Answer(rw, http.StatusOK, map[string]any{"authorization_endpoint": w.URL() + "/oidc/v1/authorize",
			"token_endpoint": w.URL() + "/oidc/v1/token"})
	})
	w.Handle("POST /oidc/v1/token", w.issueToken)
	w.Handle("GET /api/2.0/preview/scim/v2/Me", func(rw http.ResponseWriter, r *http.Request) {
		who := server.Caller(r)
		groups := []any{}
		w.Mu.Lock()
		for _, g := range who.Groups {
			groups = append(groups, map[string]any{"display": g, "type": "direct", "value": g})
		}
		w.Mu.Unlock()
		server.Answer(rw, http.StatusOK, map[string]any{
			"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "id": server.WorkspaceID,
			"userName":    who.Name,
			"displayName": who.Name,
			"active":      true, "groups": groups,
		})
	})
	w.Handle("/", func(rw http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if rest, ok := strings.CutPrefix(path, "/api/"); ok {
			_, path, _ = strings.Cut(rest, "/")
			path = "/" + path
		}
		server.Fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND",
			fmt.Sprintf("No API found for '%s %s'", r.Method, path))
	})
}

func (w *Tokens) hostMetadata(rw http.ResponseWriter, _ *http.Request) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	if !w.Switches.HostMetadata {
		server.Answer(rw, http.StatusNotFound, struct{}{})
		return
	}
	server.Answer(rw, http.StatusOK, map[string]any{"oidc_endpoint": w.URL() + "/oidc",
		"workspace_id": server.WorkspaceID})
}

// issueToken is the client credentials grant of OAuth, also with authorization_details for Zerobus.
func (w *Tokens) issueToken(rw http.ResponseWriter, r *http.Request) {
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
		refuseToken(rw, http.StatusBadRequest, "unsupported_grant_type",
			fmt.Sprintf("The grant type %q is not supported", grant))
		return
	}
	w.Mu.Lock()
	defer w.Mu.Unlock()
	who := w.ServicePrincipal(id, secret)
	if who == nil {
		refuseToken(rw, http.StatusUnauthorized, "invalid_client", "Client authentication failed")
		return
	}
	var details []server.Detail
	if text := r.PostForm.Get("authorization_details"); text != "" {
		if err := json.Unmarshal([]byte(text), &details); err != nil {
			refuseToken(rw, http.StatusBadRequest, "invalid_authorization_details",
				"authorization_details is no JSON list")
			return
		}
		if want := "api://databricks/workspaces/" + server.WorkspaceID +
			"/zerobusDirectWriteApi"; r.PostForm.Get("resource") != want {
			refuseToken(rw, http.StatusBadRequest, "invalid_target", "The resource must be "+want)
			return
		}
		if message := w.undeserved(who, details); message != "" {
			refuseToken(rw, http.StatusForbidden, "access_denied", message)
			return
		}
	}
	document := map[string]any{"access_token": w.Issue(who, details), "token_type": "Bearer",
		"expires_in": int(w.Switches.TokenLife.Seconds())}
	if details == nil {
		document["scope"] = "all-apis"
	}
	server.Answer(rw, http.StatusOK, document)
}

// unescape undoes the form encoding that OAuth wants inside Basic credentials.
func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func refuseToken(rw http.ResponseWriter, status int, code, description string) {
	server.Answer(rw, status, map[string]any{"error": code, "error_description": description,
		"error_id": "00000000-0000-0000-0000-000000000000"})
}

// undeserved says which privilege a Zerobus token asks for that the principal does not have; empty
// if none. Under the lock.
func (w *Tokens) undeserved(who *server.Principal, details []server.Detail) string {
	for _, d := range details {
		s := catalog.SecurableOf(d.Object)
		for _, p := range d.Privileges {
			if p = catalog.Spelled(p); !w.HasGrant(who, s, p) {
				return fmt.Sprintf("User does not have %s on %s '%s'.", p, d.ObjectType, d.Object)
			}
		}
	}
	return ""
}
