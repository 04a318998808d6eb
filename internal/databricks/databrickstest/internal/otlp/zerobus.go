// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/catalog"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/databrickstest/internal/server"
)

// ZerobusURL is the address of the ingest host of the workspace, which takes OTLP over HTTP at
// /v1/traces, /v1/logs and /v1/metrics with tokens that were asked for one table.
func (w *Ingest) ZerobusURL() string { return w.zerobus.URL }

// StartZerobus starts the ingest host, StopZerobus stops it.
func (w *Ingest) StartZerobus() {
	w.zerobus = httptest.NewServer(w.Front(http.HandlerFunc(w.serveZerobus)))
}

// StopZerobus see StartZerobus.
func (w *Ingest) StopZerobus() {
	w.zerobus.CloseClientConnections()
	w.zerobus.Close()
}

// serveZerobus answers on the ingest host.
func (w *Ingest) serveZerobus(rw http.ResponseWriter, r *http.Request) {
	for _, s := range []signal{tracesSignal, logsSignal, metricsSignal} {
		if r.Method == http.MethodPost && r.URL.Path == "/v1/"+s.path {
			if !deserves(server.Caller(r).Details, r.Header.Get(zerobusHeader)) {
				server.Answer(rw, http.StatusUnauthorized,
					map[string]any{"message": "Missing authorization details in access token claims"})
				return
			}
			w.ingest(endpoint{signal: s, header: zerobusHeader, zerobus: true})(rw, r)
			return
		}
	}
	http.NotFound(rw, r)
}

// deserves reports whether the token was asked for the table. Without a table there is nothing to
// check.
func deserves(details []server.Detail, table string) bool {
	if table == "" {
		return details != nil
	}
	return slices.ContainsFunc(details, func(d server.Detail) bool {
		return strings.EqualFold(d.ObjectType, "TABLE") && catalog.Key(d.Object) == catalog.Key(table) &&
			slices.Contains(d.Privileges,
				"MODIFY") && slices.Contains(d.Privileges, "SELECT")
	})
}
