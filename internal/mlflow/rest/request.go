// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
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
	// decode reads the answer as it comes, once for each attempt; nil: the answer is read as a whole.
	decode func(*pyjson.Stream) error
	gated  bool // counts as a request in flight: pages of infos and spans, all that is heavy

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

// call asks as often as patience allows and returns the answer's body, unless it was decoded.
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
	if err := c.pacer.begin(ctx); err != nil {
		return nil, &Error{Kind: KindUnavailable, Route: r.route, Message: "stopped", Err: err}
	}
	start := time.Now()
	status := 0
	defer func() {
		if status == 0 {
			c.pacer.end(0) // a server that is away is not kept busy
		} else {
			c.pacer.end(time.Since(start))
		}
	}()
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
	from := &answerBody{ctx: ctx, client: c, from: res.Body, limit: r.limit}
	defer func() { received = from.read }()
	defer from.close()
	body, err = c.read(r, res, from)
	if err == nil {
		return body, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	if errors.Is(err, errTooLarge) {
		return nil, &Error{Kind: KindAnswer, Route: r.route, Status: status,
			Message: fmt.Sprintf("the answer is longer than allowed (%d bytes)", from.limit), Err: errTooLarge}
	}
	return nil, transportError(r.route, req, err)
}

// read reads the answer to a request, or decodes it. An error is an *Error, errTooLarge or one of the
// connection.
func (c *Client) read(r *request, res *http.Response, from *answerBody) ([]byte, error) {
	status := res.StatusCode
	// asked for by a configured header, so the transport left it alone
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(from.from)
		if err != nil && status == http.StatusOK {
			return nil, err
		}
		if err == nil {
			from.from = z
		}
	}
	if status != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(from, errorLimit)) // what can be read of it
		if r.away != nil {
			return nil, storageError(r.route, res)
		}
		e := statusError(r.route, res, body)
		if c.dbx != nil {
			c.dbx.rephrase(e)
		}
		return nil, e
	}
	if c.dbx != nil && r.away == nil && !edge.Accepts(status, res.Header) {
		e := &Error{Kind: KindUnavailable, again: capped, Route: r.route, Status: status,
			Message: "the workspace answers, but gives a reason why this is no success" +
				colon(bounded(edge.Reason(status, res.Header), 300))}
		c.dbx.rephrase(e)
		return nil, e
	}
	if res.ContentLength > from.limit {
		return nil, errTooLarge
	}
	if r.decode != nil {
		return nil, decode(r, res, from)
	}
	body, err := readAll(from, res.ContentLength)
	switch {
	case err != nil || r.text:
		return body, err
	case looksJSON(body) && pyjson.Cut(body):
		return nil, cutShort(r)
	case looksJSON(body):
		return body, nil
	}
	return nil, noJSON(r, res, body)
}

// decode lets the request decode its answer as it comes.
func decode(r *request, res *http.Response, from *answerBody) error {
	head := bufio.NewReaderSize(from, 1<<10)
	start, err := head.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !looksJSON(start) && (len(bytes.TrimSpace(start)) > 0 || errors.Is(err, io.EOF)) {
		return noJSON(r, res, start)
	}
	stream := pyjson.NewStream(head)
	err = r.decode(stream)
	switch {
	case err == nil:
		return nil
	case from.err != nil:
		return from.err
	case stream.Cut():
		return cutShort(r)
	}
	return undecodable(r.route, err)
}

// cutShort explains an answer without an end.
func cutShort(r *request) *Error {
	return &Error{Kind: KindAnswer, Route: r.route, Status: http.StatusOK, again: capped,
		Message: "the answer ends before its JSON document does"}
}

// noJSON explains an answer that does not begin as a JSON document does.
func noJSON(r *request, res *http.Response, body []byte) *Error {
	switch {
	case r.away == nil && isPage(res, body):
		return webPage(r.route)
	case pyjson.Cut(body):
		return cutShort(r)
	}
	return &Error{Kind: KindAnswer, Route: r.route, Status: http.StatusOK,
		Message: "the answer is not JSON; " + notMLflow}
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

// Bounds of an answer: of one that says why a request failed, and from where on an answer counts as
// large. Of large answers one is read at a time, so that memory is bounded by one of them.
const (
	errorLimit  = 64 << 10
	largeAnswer = 4 << 20
)

// answerBody is the body of an answer, bounded and counted after decompression. One that turns out to
// be large waits until no other large one is read.
type answerBody struct {
	ctx    context.Context
	client *Client
	from   io.Reader
	limit  int64
	read   int64
	large  bool  // it is the large one
	err    error // of the last Read, other than io.EOF
}

// Read implements io.Reader. An answer longer than the limit ends with errTooLarge.
func (b *answerBody) Read(p []byte) (n int, err error) {
	defer func() {
		if !errors.Is(err, io.EOF) {
			b.err = err
		}
	}()
	if b.read > largeAnswer && !b.large {
		select {
		case b.client.large <- struct{}{}:
			b.large = true
		case <-b.ctx.Done():
			return 0, context.Cause(b.ctx)
		}
	}
	n, err = b.from.Read(p[:min(int64(len(p)), b.limit+1-b.read)])
	if b.read += int64(n); b.read > b.limit {
		return n, errTooLarge
	}
	return n, err
}

// close lets the next large answer in.
func (b *answerBody) close() {
	if b.large {
		<-b.client.large
	}
}

// readAll reads to the end. Nothing is copied before it is known to end. size is how much is
// expected, or less than 1.
func readAll(from io.Reader, size int64) ([]byte, error) {
	var blocks [][]byte
	block := make([]byte, 0, max(size+bytes.MinRead, 4<<10))
	for {
		n, err := from.Read(block[len(block):cap(block)])
		block = block[:len(block)+n]
		switch {
		case err == io.EOF && len(blocks) == 0:
			return block, nil
		case err == io.EOF:
			return bytes.Join(append(blocks, block), nil), nil
		case err != nil:
			return nil, err
		case len(block) == cap(block):
			blocks = append(blocks, block)
			block = make([]byte, 0, min(2*cap(block), 1<<20))
		}
	}
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
