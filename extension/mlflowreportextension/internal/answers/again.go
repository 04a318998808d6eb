// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/originalstatus"
)

// Stock exporters take these answers for permanent although they often pass: a token that is being renewed, a
// gateway that lost its routes, a server that restarts. 400 and 413 are about the data and stay permanent; 429, 502,
// 503 and 504 are sent again anyway. Source: otlphttpexporter and otlpexporter v0.158.0.
var (
	refusals = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout,
		http.StatusInternalServerError}
	// A gRPC server answers Unknown where it has no code for an error, and a client makes Unimplemented of a 404.
	refusalCodes = []codes.Code{codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.Unimplemented,
		codes.Internal, codes.Unknown}
)

// RetryRefusals makes the reader answer 503 or Unavailable for these, so that exporters send again. It is called before
// the first request.
func (r *Reader) RetryRefusals() { r.again = true }

// sendAgain replaces the status of an answer that is one of refusals.
func (r *Reader) sendAgain(q request, resp *http.Response) {
	if !r.again || !slices.Contains(refusals, resp.StatusCode) {
		return
	}
	r.refused(q, fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	originalstatus.Replace(resp, http.StatusServiceUnavailable)
}

// callAgain is sendAgain for the error of a call.
func (r *Reader) callAgain(q request, err error) error {
	s := status.Convert(err)
	if !r.again || !slices.Contains(refusalCodes, s.Code()) {
		return err
	}
	r.refused(q, s.Code().String())
	return status.Error(codes.Unavailable, fmt.Sprintf("%s: %s", s.Code(), s.Message()))
}

// refusalLogged is how often an answer that is refused again and again is logged.
const refusalLogged = time.Minute

// refused counts and logs an answer that is sent again.
func (r *Reader) refused(q request, what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts.Refused++
	message := fmt.Sprintf("%s answered %s; it gets the data again until it takes it", q.place, what)
	r.refusing[q.place] = message
	if time.Since(r.logged[message]) >= refusalLogged {
		r.logged[message] = time.Now()
		r.log.Warn("A destination refuses what is sent", zap.String("reason", message))
	}
}
