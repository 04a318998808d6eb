// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const workspaceHeader = "X-MLFLOW-WORKSPACE"

// request is a question to the server.
type request struct {
	route string // for people and metrics
	path  string // below the base address, escaped
	query url.Values
	body  []byte // JSON; not nil: POST
	limit int64  // of the answer, bytes
	text  bool   // the answer isn't JSON
	gated bool   // counts as a request in flight: pages of infos and spans, all that is heavy

	budget *rate.Limiter // of this kind of request besides that of all; nil: none
	away   *away         // not nil: goes to another server, path and query don't count
}

// away is where a request goes that is not for the server: with its own client, which knows no
// credential of the server.
type away struct {
	client  *http.Client
	address string // holds a signature: it is never written into an error or a log
	header  http.Header
}

// errTooLarge is the cause of an Error where the answer is longer than the limit.
var errTooLarge = errors.New("the answer is longer than allowed")

// call asks as often as patience allows and returns the answer's body.
func (c *Client) call(ctx context.Context, p patience, r *request) ([]byte, error) {
	var body []byte
	err := c.retry(ctx, p, func() (e *Error) {
		body, e = c.attempt(ctx, r)
		return e
	})
	if err != nil {
		return nil, err
	}
	return body, nil
}

// attempt asks once. The gate's slot is held while the request runs and its answer is read, no
// longer.
func (c *Client) attempt(ctx context.Context, r *request) (body []byte, failure *Error) {
	var received int64
	if r.gated {
		if err := c.gate.acquire(ctx); err != nil {
			return nil, &Error{Kind: KindUnavailable, Route: r.route, Message: "stopped", Err: err}
		}
		defer func() {
			c.gate.release(received, failure != nil && failure.again == waiting)
		}()
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, &Error{Kind: KindUnavailable, Route: r.route, Message: "stopped", Err: err}
	}
	if r.budget != nil {
		if err := r.budget.Wait(ctx); err != nil {
			return nil, &Error{Kind: KindUnavailable, Route: r.route, Message: "stopped", Err: err}
		}
	}
	req, err := c.build(ctx, r)
	if err != nil {
		return nil, &Error{Kind: KindRequest, Route: r.route, Message: "the request can't be made", Err: err}
	}
	start := time.Now()
	status := 0
	if c.cfg.Hooks.Request != nil {
		defer func() {
			c.cfg.Hooks.Request(Request{Route: r.route, Status: status, Duration: time.Since(start), Bytes: received})
		}()
	}
	client := &c.http
	if r.away != nil {
		client = r.away.client
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, transportError(r.route, req, err)
	}
	defer res.Body.Close()
	status = res.StatusCode
	limit := r.limit
	if status != http.StatusOK {
		limit = 64 << 10
	}
	body, err = read(res, limit)
	received = int64(len(body))
	switch {
	case status != http.StatusOK && r.away != nil:
		return nil, storageError(r.route, res)
	case status != http.StatusOK:
		e := statusError(r.route, res, body)
		if c.dbx != nil {
			c.dbx.rephrase(e)
		}
		return nil, e
	case c.dbx != nil && r.away == nil && !edge.Accepts(status, res.Header):
		e := &Error{Kind: KindUnavailable, again: capped, Route: r.route, Status: status,
			Message: "the workspace answers, but gives a reason why this is no success" +
				colon(bounded(edge.Reason(status, res.Header), 300))}
		c.dbx.rephrase(e)
		return nil, e
	case errors.Is(err, errTooLarge):
		return nil, &Error{Kind: KindAnswer, Route: r.route, Status: status,
			Message: "the answer is longer than allowed", Err: err}
	case err != nil:
		return nil, transportError(r.route, req, err)
	case !r.text && !looksJSON(body) && r.away == nil && isPage(res, body):
		return nil, webPage(r.route)
	case !r.text && pyjson.Cut(body):
		return nil, &Error{Kind: KindAnswer, Route: r.route, Status: status, again: capped,
			Message: "the answer ends before its JSON document does"}
	case !r.text && !looksJSON(body):
		return nil, &Error{Kind: KindAnswer, Route: r.route, Status: status,
			Message: "the answer is not JSON; " + notMLflow}
	}
	return body, nil
}

func (c *Client) build(ctx context.Context, r *request) (*http.Request, error) {
	if r.away != nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.away.address, http.NoBody)
		if err != nil {
			return nil, withoutURL(err)
		}
		req.Header = r.away.header.Clone()
		return req, nil
	}
	method, content := http.MethodGet, io.Reader(nil)
	if r.body != nil {
		method, content = http.MethodPost, bytes.NewReader(r.body)
	}
	address := c.cfg.URL.String() + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, withoutURL(err)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Workspace != "" {
		req.Header.Set(workspaceHeader, c.cfg.Workspace)
	}
	return req, nil
}

// read reads the body up to the limit, counted after decompression, and returns what it got besides
// an error.
func read(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, errTooLarge
	}
	var from io.Reader = res.Body
	// asked for by a configured header, so the transport left it alone
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, err
		}
		from = z
	}
	var buf bytes.Buffer
	if res.ContentLength > 0 {
		buf.Grow(int(res.ContentLength) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(from, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buf.Bytes(), err
}

// looksJSON reports whether the body begins as each answer of MLflow does. Content types don't
// tell: the artifact route answers text/plain.
func looksJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

func isPage(res *http.Response, body []byte) bool {
	return strings.Contains(res.Header.Get("Content-Type"), "html") ||
		bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}
