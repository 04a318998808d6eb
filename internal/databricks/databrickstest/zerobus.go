package databrickstest

import (
	"net/http"
	"slices"
	"strings"
)

// ZerobusURL is the address of the ingest host of the workspace, which takes OTLP over HTTP at /v1/traces, /v1/logs and /v1/metrics with tokens that were
// asked for one table.
func (w *Workspace) ZerobusURL() string { return w.zerobus.URL }

// serveZerobus answers on the ingest host.
func (w *Workspace) serveZerobus(rw http.ResponseWriter, r *http.Request) {
	for _, s := range []signal{tracesSignal, logsSignal, metricsSignal} {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/"+s.path {
			if !deserves(caller(r).details, r.Header.Get(zerobusHeader)) {
				answer(rw, http.StatusUnauthorized, map[string]any{"message": "Missing authorization details in access token claims"})
				return
			}
			w.ingest(endpoint{signal: s, header: zerobusHeader, zerobus: true})(rw, r)
			return
		}
	}
	http.NotFound(rw, r)
}

// deserves reports whether the token was asked for the table. Without a table there is nothing to check.
func deserves(details []authorizationDetail, table string) bool {
	if table == "" {
		return details != nil
	}
	return slices.ContainsFunc(details, func(d authorizationDetail) bool {
		return strings.EqualFold(d.ObjectType, "TABLE") && key(d.Object) == key(table) && slices.Contains(d.Privileges,
			"MODIFY") && slices.Contains(d.Privileges, "SELECT")
	})
}
