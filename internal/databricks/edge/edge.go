// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package edge reads what the edge of a Databricks workspace says about a request, for all
// clients of workspaces alike. It takes statuses, headers and error documents, and is pure but for
// the body that RefusesToken reads.
package edge

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/originalstatus"
)

// ReasonHeader is the header in which the edge says why it refuses a request. The drivers of
// Databricks read it. A 2xx may carry it, too, when the edge of Zerobus refuses.
const ReasonHeader = "X-Databricks-Reason-Phrase"

// Reason is the reason of an answer, one line; empty without the header, and for one that only
// repeats the status ("OK").
func Reason(status int, h http.Header) string {
	reason := strings.Join(strings.Fields(h.Get(ReasonHeader)), " ")
	if strings.EqualFold(reason, http.StatusText(status)) {
		return ""
	}
	return reason
}

// Accepts reports whether an answer with a status of 2xx is a success: it is not when the edge gives
// a reason.
func Accepts(status int, h http.Header) bool { return status/100 == 2 && Reason(status, h) == "" }

var token = regexp.MustCompile(`(?i)\b(invalid|expired|revoked|malformed)\s+(access\s+)?token\b` +
	`|\btoken\s+(is|has|was)\s+(been\s+)?(invalid|expired|revoked|malformed)\b`)

// TokenRefused reports whether an answer with these words refuses the bearer token. A workspace
// answers 401 to a request without a token and 403 to one with a token that it does not know; the
// edge of Zerobus may answer 2xx. Renewing the sign-in helps, a grant does not. texts are the reason
// and the message of the error document.
func TokenRefused(status int, texts ...string) bool {
	switch {
	case status == http.StatusUnauthorized:
		return true
	case status != http.StatusForbidden && status/100 != 2:
		return false
	}
	return slices.ContainsFunc(texts, token.MatchString)
}

// mostDocument is what is read of a body in search of an error document.
const mostDocument = 16 << 10

// RefusesToken is TokenRefused for an answer. The body of a 403 is read as far as needed, and put
// back. Of an answer whose status a middleware replaced, the one before counts.
func RefusesToken(res *http.Response) bool {
	status := originalstatus.Of(res)
	reason := Reason(status, res.Header)
	if status != http.StatusForbidden || TokenRefused(status, reason) {
		return TokenRefused(status, reason)
	}
	head, _ := io.ReadAll(io.LimitReader(res.Body, mostDocument))
	res.Body = &restored{io.MultiReader(bytes.NewReader(head), res.Body), res.Body}
	var document struct {
		Message string `json:"message"`
	}
	return json.Unmarshal(head, &document) == nil && TokenRefused(status, document.Message)
}

type restored struct {
	io.Reader
	io.Closer
}
