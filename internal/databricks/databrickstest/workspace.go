// Package databrickstest is a fake Databricks workspace: the routes that exporters, setup and readers use, over real HTTP, faithful to what is documented and to what
// official clients were seen to send. Where the truth is not known the behaviour can be chosen.
package databrickstest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Workspace is one fake workspace. Its methods may be called while it serves.
type Workspace struct {
	server *httptest.Server
	mux    *http.ServeMux

	mu sync.Mutex
}

// New starts a workspace on loopback.
func New() *Workspace {
	w := &Workspace{mux: http.NewServeMux()}
	w.server = httptest.NewServer(w.mux)
	return w
}

// URL is the workspace's address.
func (w *Workspace) URL() string { return w.server.URL }

// Close stops it.
func (w *Workspace) Close() { w.server.Close() }

// fail answers with an error in the form of Databricks' REST APIs.
func fail(rw http.ResponseWriter, status int, code, message string) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"error_code": code, "message": message})
}
