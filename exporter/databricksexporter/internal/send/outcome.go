// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// action is what is to be done about a request.
type action uint8

const (
	actionAccept action = iota // the data is there
	actionRetry                // send again later
	// The credential is refused, also after signing in anew, which the transport does: as
	// actionHold, and never given up.
	actionSignIn
	actionHold   // the data waits until a person does what the message says
	actionSplit  // too large: send in two halves
	actionRefuse // refused for good
)

// answer is what came back for a request. err is set when nothing did.
type answer struct {
	status int
	header http.Header
	body   []byte // bounded by the caller
	err    error
}

// request is what is known of the request.
type request struct {
	destination route.Destination
	items       int
	// principal is who signs in, as GRANT statements name it; empty when that is not known.
	principal string
	// path is the path of the address, tableHeader the name of the header that names the table.
	path, tableHeader string
	// rejected reads the body of an accepted request.
	rejected func(body []byte, contentType string) (n int64, message string, err error)
	now      time.Time
}

// outcome is what an answer means.
type outcome struct {
	action action
	// label names the outcome in metrics.
	label string
	// delay is how long the workspace asked to wait; 0 when it did not.
	delay time.Duration
	// reason says in one word why data is given up; set with actionRefuse, actionSplit and a
	// partial success.
	reason string
	// message is one sentence for people, without the data's content: what is wrong, where, and
	// what to do.
	message string
	// rejected is how many items of an accepted request were not taken.
	rejected int64
}

// Reasons why data is given up, besides those of sender.go.
const (
	reasonSchema   = "schema"          // the table lacks columns
	reasonInvalid  = "invalid"         // the workspace calls the request wrong
	reasonTooLarge = "too_large"       // one span, record or metric larger than the workspace takes
	reasonPartial  = "partial_success" // the workspace took the request and refused some of its items
)

// Labels that more is done about.
const (
	labelForbidden = "forbidden"
	labelNotFound  = "not_found"
	labelThrottled = "throttled"
)

const notAWorkspace = "host is not the address of a workspace, or a proxy is in between"

// maxDelay bounds what a Retry-After may ask for.
const maxDelay = 10 * time.Minute

// judge decides what an answer means: the one table of outcomes. It is pure. Rows, by status:
//
//	2xx                        Accept; with a partial success Rejected of the items are lost, Refuse when all are
//	2xx with a web page        Hold: something else than the workspace answered
//	2xx with a reason          Hold, quoting the reason: the edge refused
//	3xx                        Hold: something else than the workspace answered
//	401, refused sign-in       SignIn
//	403 about the token        SignIn
//	403, PERMISSION_DENIED     Hold, with the GRANT statement
//	501                        Hold, quoting the answer
//	404, 4xx *_DOES_NOT_EXIST  Hold, with the table or the preview that is missing
//	405, 415, missing header   Hold, with the key of the configuration that is wrong
//	408, 425, 429, 5xx, none   Retry, after Retry-After
//	413                        Split
//	400 and other 4xx          Refuse
func judge(q request, a answer) outcome {
	if a.err != nil {
		return network(a.err)
	}
	if edge.Accepts(a.status, a.header) {
		return accepted(q, a)
	}
	reason := edge.Reason(a.status, a.header)
	e := document{Message: reason}
	if a.status/100 != 2 { // the body of a 2xx is no error
		e = parse(a.body, reason)
	}
	switch s := a.status; {
	case edge.TokenRefused(s, reason, e.Message):
		return outcome{action: actionSignIn, label: "unauthenticated", message: unauthenticated(s, e)}
	case s/100 == 2:
		return outcome{action: actionHold, label: "reason_phrase", message: fmt.Sprintf(
			"the workspace answered with status %d and, in %s, with a reason why it took nothing%s",
			s, edge.ReasonHeader, e.excerpt())}
	case s/100 == 3:
		return outcome{action: actionHold, label: "redirected", message: fmt.Sprintf("the answer was a redirect "+
			"(status %d), which a workspace does not send: "+notAWorkspace, s)}
	case s == http.StatusTooManyRequests:
		return outcome{action: actionRetry, label: labelThrottled, delay: retryAfter(a.header, q.now),
			message: "the workspace takes no more at the moment (status 429)" + e.excerpt()}
	case s == http.StatusNotImplemented:
		return outcome{action: actionHold, label: "not_implemented",
			message: "the workspace does not offer this kind of ingest (status 501)" + e.excerpt()}
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s >= 500, s < 200:
		label := "server_error"
		if s == http.StatusRequestTimeout {
			label = "timeout"
		}
		return outcome{
			action:  actionRetry,
			label:   label,
			delay:   retryAfter(a.header, q.now),
			message: fmt.Sprintf("the workspace answered with status %d%s", s, e.excerpt()),
		}
	case s == http.StatusRequestEntityTooLarge:
		return outcome{
			action:  actionSplit,
			label:   "too_large",
			reason:  reasonTooLarge,
			message: "larger than the workspace takes (status 413)",
		}
	}
	return refused(q, a.status, e)
}

// refused judges statuses of 400 to 499 that depend on what the body says.
func refused(q request, status int, e document) outcome {
	switch {
	case e.missing() != "" && status != http.StatusForbidden:
		return outcome{action: actionHold, label: labelNotFound, message: missing(q, e)}
	case status == http.StatusForbidden, e.Code == "PERMISSION_DENIED":
		return outcome{action: actionHold, label: labelForbidden, message: forbidden(q, e)}
	case status == http.StatusNotFound:
		return outcome{action: actionHold, label: labelNotFound, message: fmt.Sprintf(
			`the workspace has no route %s (status 404): `+
				`correct path_prefix or host; older workspaces need the preview "OpenTelemetry on Databricks"%s`,
			q.path,
			e.excerpt(),
		)}
	case status == http.StatusMethodNotAllowed:
		return outcome{
			action:  actionHold,
			label:   "misconfigured",
			message: fmt.Sprintf("the route %s does not take data (status 405): correct path_prefix", q.path),
		}
	case status == http.StatusUnsupportedMediaType:
		return outcome{
			action:  actionHold,
			label:   "misconfigured",
			message: "the workspace does not read this form of body (status 415): write http::compression: none",
		}
	case strings.Contains(strings.ToLower(e.Message), strings.ToLower(q.tableHeader)):
		return outcome{
			action: actionHold,
			label:  "misconfigured",
			message: fmt.Sprintf(
				"the workspace asks for another header than %s: correct table_header%s",
				q.tableHeader,
				e.excerpt(),
			),
		}
	}
	if columns := e.columns(); len(columns) > 0 {
		return outcome{action: actionRefuse, label: "schema", reason: reasonSchema, message: missingColumns(q, columns)}
	}
	return outcome{
		action:  actionRefuse,
		label:   "invalid",
		reason:  reasonInvalid,
		message: fmt.Sprintf("the workspace refuses the request (status %d)%s", status, e.excerpt()),
	}
}

func accepted(q request, a answer) outcome {
	if media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); media == "text/html" {
		return outcome{action: actionHold, label: "redirected", message: fmt.Sprintf("the answer was a web page "+
			"(status %d), which a workspace does not send: "+notAWorkspace, a.status)}
	}
	n, message, err := q.rejected(a.body, a.header.Get("Content-Type"))
	switch {
	case err != nil: // official clients don't look at the body either
		return outcome{action: actionAccept, label: "accepted_unreadable"}
	case n <= 0:
		return outcome{action: actionAccept, label: "accepted"}
	}
	n = min(n, int64(q.items))
	v := outcome{action: actionAccept, label: "partial", reason: reasonPartial, rejected: n,
		message: fmt.Sprintf(
			"the workspace took a request and refused %d of its %d items%s",
			n,
			q.items,
			document{Message: message}.excerpt(),
		)}
	if n == int64(q.items) {
		v.action = actionRefuse
	}
	return v
}

// network judges a request without an answer. Whether the workspace has the data is not known then;
// it is sent again.
func network(err error) outcome {
	if sign, ok := errors.AsType[*signin.SignInError](err); ok {
		v := outcome{action: actionRetry, label: "unauthenticated", message: sign.Error()}
		if sign.Permanent {
			v.action = actionSignIn
		}
		return v
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // without the address
	}
	v := outcome{
		action:  actionRetry,
		label:   "network",
		message: "the workspace can't be reached: " + clean(err.Error()),
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		v.label, v.message = "timeout", "the workspace did not answer in time"
	}
	return v
}

// retryAfter reads the header in both of its forms, seconds and date. A number of any size counts
// as at most maxDelay.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(s, uint64(maxDelay/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(t.Sub(now), 0), maxDelay)
	}
	return 0
}
