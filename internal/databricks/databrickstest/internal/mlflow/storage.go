// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package mlflow

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// storageHost is where files lie that the workspace hands out signed URLs for: another server, as
// at the cloud providers. It comes into being with the first URL.
type storageHost struct {
	server   *httptest.Server
	files    map[string][]byte
	signed   map[string]signature
	requests []server.Request
}

// signature is what a signed URL allows.
type signature struct {
	method, file string
	expires      time.Time
}

// StorageRequests returns what came to the storage host, in the order of arrival. A test sees there
// whether a credential of the workspace leaked.
func (w *MLflow) StorageRequests() []server.Request {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return append([]server.Request(nil), w.mlflow.storage.requests...)
}

// StoredFile returns a file of a trace (traces.json); nil if there is none.
func (w *MLflow) StoredFile(trace, name string) []byte {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	return w.mlflow.storage.files[trace+"/"+name]
}

// StoreFile puts a file of a trace there, whatever it holds.
func (w *MLflow) StoreFile(trace, name string, content []byte) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	w.mlflow.storage.put(trace+"/"+name, content)
}

// RemoveFile removes a file of a trace.
func (w *MLflow) RemoveFile(trace, name string) {
	w.Mu.Lock()
	defer w.Mu.Unlock()
	delete(w.mlflow.storage.files, trace+"/"+name)
}

// CloseStorage stops the storage host.
func (w *MLflow) CloseStorage() {
	w.Mu.Lock()
	server := w.mlflow.storage.server
	w.Mu.Unlock()
	if server != nil {
		server.CloseClientConnections()
		server.Close()
	}
}

func (h *storageHost) put(file string, content []byte) {
	if h.files == nil {
		h.files = map[string][]byte{}
	}
	h.files[file] = content
}

// sign makes a URL that is valid for one method and file. Under the lock.
func (h *storageHost) sign(w *MLflow, method, file string, expires time.Time) string {
	if h.server == nil {
		h.server = httptest.NewServer(http.HandlerFunc(w.serveStorage))
		h.signed = map[string]signature{}
	}
	secret := fmt.Sprintf("signature-%d", w.Next())
	h.signed[secret] = signature{method, file, expires}
	return h.server.URL + "/bucket/" + strings.ReplaceAll(url.PathEscape(file), "%2F", "/") +
		"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=" + secret
}

// serveStorage answers as S3 does: signatures expire, and a second way of signing in is refused.
func (w *MLflow) serveStorage(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, server.MaxBody))
	w.Mu.Lock()
	defer w.Mu.Unlock()
	h := &w.mlflow.storage
	record := server.Request{Time: w.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Size: len(body)}
	rec := &server.Recorder{ResponseWriter: rw}
	defer func() {
		record.Status = rec.Status
		h.requests = append(h.requests, record)
	}()
	refuse := func(status int, code, message string) {
		rec.Header().Set("Content-Type", "application/xml")
		rec.WriteHeader(status)
		_, _ = fmt.Fprintf(rec, "<?xml version=\"1.0\" "+
			"encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
	}
	file := strings.TrimPrefix(r.URL.Path, "/bucket/")
	s, ok := h.signed[r.URL.Query().Get("X-Amz-Signature")]
	trace, _, _ := strings.Cut(file, "/")
	for k, v := range w.mlflow.switches.URLHeaders {
		ok = ok && r.Header.Get(k) == v
	}
	content, there := h.files[file]
	switch {
	case r.Header.Get("Authorization") != "":
		refuse(http.StatusBadRequest, "InvalidArgument",
			"Only one way of signing in is allowed: the signature of the URL, or a header")
	case !ok || s.method != r.Method || s.file != file:
		refuse(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided.")
	case !w.Now().Before(s.expires):
		refuse(http.StatusForbidden, "AccessDenied", "Request has expired")
	case r.Method == http.MethodPut:
		h.put(file, body)
		rec.WriteHeader(http.StatusOK)
	case !there || w.mlflow.odd[trace] == oddAbsent:
		refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	case w.mlflow.odd[trace] == oddNoSpans:
		_, _ = rec.Write([]byte(`{"spans": []}`))
	default:
		_, _ = rec.Write(content)
	}
}
