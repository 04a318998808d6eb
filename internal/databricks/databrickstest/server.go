package databrickstest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

func listen(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q is no address; write 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%q is not loopback; write 127.0.0.1:8080", address)
	}
	return net.Listen("tcp", address)
}

// Now is the workspace's time.
func (w *Workspace) Now() time.Time { return w.now() }

// next is a number that never repeats. Under the lock.
func (w *Workspace) next() int {
	w.serial++
	return w.serial
}

// id makes an identifier that looks like those of Databricks and never repeats. Under the lock.
func (w *Workspace) id() string { return fmt.Sprintf("aaaaaaaa-0000-4000-8000-%012x", w.next()) }

// answer sends a document.
func answer(rw http.ResponseWriter, status int, document any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(document)
}

// fail answers with an error in the form of Databricks' REST APIs. The code is a string, or a number where Databricks' front door writes one.
func fail(rw http.ResponseWriter, status int, code any, message string) {
	answer(rw, status, map[string]any{"error_code": code, "message": message})
}

// failure is an error that knows how it is answered.
type failure struct {
	status        int
	code, message string
}

func newFailure(status int, code, message string) *failure { return &failure{status, code, message} }

func (f *failure) Error() string { return f.code + ": " + f.message }

func (f *failure) send(rw http.ResponseWriter) { fail(rw, f.status, f.code, f.message) }

// decode reads a JSON body; what is no JSON is answered with 400 and reported as false.
func decode(rw http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		fail(rw, http.StatusBadRequest, "MALFORMED_REQUEST", "Could not parse request object: "+err.Error())
		return false
	}
	return true
}

// noEndpoint answers as the front door does for a route that is not rolled out.
func noEndpoint(rw http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/api/"), "/")
	fail(rw, http.StatusNotFound, "ENDPOINT_NOT_FOUND", fmt.Sprintf("No API found for '%s /%s'", r.Method, path))
}

func invalid(format string, args ...any) *failure {
	return newFailure(http.StatusBadRequest, "INVALID_PARAMETER_VALUE", fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) *failure {
	return newFailure(http.StatusNotFound, "RESOURCE_DOES_NOT_EXIST", fmt.Sprintf(format, args...))
}

func str(v any) string {
	s, _ := v.(string)
	return s
}
