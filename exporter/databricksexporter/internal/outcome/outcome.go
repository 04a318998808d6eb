// Package outcome decides what an answer of the workspace means: the one table of outcomes. It is pure.
package outcome

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
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/signin"
)

// Action is what is to be done about a request.
type Action uint8

// The actions.
const (
	Accept Action = iota // the data is there
	Retry                // send again later
	SignIn               // the credential is refused, also after signing in anew, which the transport does: as Hold, and never given up
	Hold                 // the data waits until somebody mends what Message says
	Split                // too large: send in two halves
	Refuse               // refused for good
)

// Answer is what came back for a request. Err is set when nothing did.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // bounded by the caller
	Err    error
}

// Request is what is known of the request.
type Request struct {
	Destination route.Destination
	Items       int
	// Principal is who signs in, as GRANT statements name it; empty when that is not known.
	Principal string
	// Path is the path of the address, TableHeader the name of the header that names the table.
	Path, TableHeader string
	// Rejected reads the body of an accepted request.
	Rejected func(body []byte, contentType string) (n int64, message string, err error)
	Now      time.Time
}

// Verdict is what an answer means.
type Verdict struct {
	Action Action
	// Label names the outcome in metrics.
	Label string
	// Delay is how long the workspace asked to wait; 0 when it did not.
	Delay time.Duration
	// Reason says in one word why data is given up; set with Refuse, Split and a partial success.
	Reason string
	// Message is one sentence for people, without the data's content: what is wrong, where, and what mends it.
	Message string
	// Rejected is how many items of an accepted request were not taken.
	Rejected int64
}

// Reasons why data is given up.
const (
	Schema   = "schema"          // the table lacks columns
	Invalid  = "invalid"         // the workspace calls the request wrong
	TooLarge = "too_large"       // one span, record or metric larger than the workspace takes
	Partial  = "partial_success" // the workspace took the request and refused some of its items
)

// Labels that others ask for.
const (
	Forbidden = "forbidden"
	NotFound  = "not_found"
	Throttled = "throttled"
)

// maxDelay bounds what a Retry-After may ask for.
const maxDelay = 10 * time.Minute

// Judge decides. Rows, by status:
//
//	2xx                        Accept; with a partial success Rejected of the items are lost, Refuse when all are
//	2xx with a web page        Hold: something else than the workspace answered
//	3xx                        Hold: something else than the workspace answered
//	401, refused sign-in       SignIn
//	403, PERMISSION_DENIED     Hold, with the GRANT statement
//	404, 4xx *_DOES_NOT_EXIST  Hold, with the table or the preview that is missing
//	405, 415, missing header   Hold, with the key of the configuration that is wrong
//	408, 425, 429, 5xx, none   Retry, after Retry-After
//	413                        Split
//	400 and other 4xx          Refuse
func Judge(q Request, a Answer) Verdict {
	switch s := a.Status; {
	case a.Err != nil:
		return network(a.Err)
	case s/100 == 2:
		return accepted(q, a)
	case s/100 == 3:
		return Verdict{Action: Hold, Label: "redirected",
			Message: fmt.Sprintf("the answer was a redirect (status %d), which a workspace does not send: host is not the address of a workspace, or a proxy is in between", s)}
	case s == http.StatusTooManyRequests:
		return Verdict{Action: Retry, Label: Throttled, Delay: retryAfter(a.Header, q.Now),
			Message: "the workspace takes no more at the moment (status 429)"}
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s >= 500, s < 200:
		label := "server_error"
		if s == http.StatusRequestTimeout {
			label = "timeout"
		}
		return Verdict{Action: Retry, Label: label, Delay: retryAfter(a.Header, q.Now), Message: fmt.Sprintf("the workspace answered with status %d", s)}
	case s == http.StatusRequestEntityTooLarge:
		return Verdict{Action: Split, Label: "too_large", Reason: TooLarge, Message: "larger than the workspace takes (status 413)"}
	}
	return refused(q, a.Status, parse(a.Body))
}

// refused judges statuses of 400 to 499 that depend on what the body says.
func refused(q Request, status int, e document) Verdict {
	switch {
	case status == http.StatusUnauthorized:
		return Verdict{Action: SignIn, Label: "unauthenticated", Message: unauthenticated(e)}
	case e.missing() != "" && status != http.StatusForbidden:
		return Verdict{Action: Hold, Label: NotFound, Message: missing(q, e)}
	case status == http.StatusForbidden, e.Code == "PERMISSION_DENIED":
		return Verdict{Action: Hold, Label: Forbidden, Message: forbidden(q, e)}
	case status == http.StatusNotFound:
		return Verdict{Action: Hold, Label: NotFound, Message: fmt.Sprintf(
			`the workspace has no route %s (status 404): turn on the preview "OpenTelemetry on Databricks" there, or correct path_prefix%s`, q.Path, e.excerpt())}
	case status == http.StatusMethodNotAllowed:
		return Verdict{Action: Hold, Label: "misconfigured", Message: fmt.Sprintf("the route %s does not take data (status 405): correct path_prefix", q.Path)}
	case status == http.StatusUnsupportedMediaType:
		return Verdict{Action: Hold, Label: "misconfigured", Message: "the workspace does not read this form of body (status 415): write http::compression: none"}
	case strings.Contains(strings.ToLower(e.Message), strings.ToLower(q.TableHeader)):
		return Verdict{Action: Hold, Label: "misconfigured", Message: fmt.Sprintf("the workspace asks for another header than %s: correct table_header%s", q.TableHeader, e.excerpt())}
	}
	if columns := e.columns(); len(columns) > 0 {
		return Verdict{Action: Refuse, Label: "schema", Reason: Schema, Message: missingColumns(q, columns)}
	}
	return Verdict{Action: Refuse, Label: "invalid", Reason: Invalid, Message: fmt.Sprintf("the workspace refuses the request (status %d)%s", status, e.excerpt())}
}

func accepted(q Request, a Answer) Verdict {
	if media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); media == "text/html" {
		return Verdict{Action: Hold, Label: "redirected",
			Message: fmt.Sprintf("the answer was a web page (status %d), which a workspace does not send: host is not the address of a workspace, or a proxy is in between", a.Status)}
	}
	n, message, err := q.Rejected(a.Body, a.Header.Get("Content-Type"))
	switch {
	case err != nil: // official clients don't look at the body either
		return Verdict{Action: Accept, Label: "accepted_unreadable"}
	case n <= 0:
		return Verdict{Action: Accept, Label: "accepted"}
	}
	n = min(n, int64(q.Items))
	v := Verdict{Action: Accept, Label: "partial", Reason: Partial, Rejected: n,
		Message: fmt.Sprintf("the workspace took a request and refused %d of its %d items%s", n, q.Items, document{Message: message}.excerpt())}
	if n == int64(q.Items) {
		v.Action = Refuse
	}
	return v
}

// network judges a request without an answer. Whether the workspace has the data is not known then; it is sent again.
func network(err error) Verdict {
	var sign *signin.SignInError
	if errors.As(err, &sign) {
		v := Verdict{Action: Retry, Label: "unauthenticated", Message: sign.Error()}
		if sign.Permanent {
			v.Action = SignIn
		}
		return v
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address
	}
	v := Verdict{Action: Retry, Label: "network", Message: "the workspace can't be reached: " + clean(err.Error())}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout() {
		v.Label, v.Message = "timeout", "the workspace did not answer in time"
	}
	return v
}

// retryAfter reads the header in both of its forms, seconds and date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if s, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(s)*time.Second, maxDelay)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(t.Sub(now), 0), maxDelay)
	}
	return 0
}
