// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
)

// watch carries token requests and keeps how the last one failed: the SDK wraps, retries and hides
// that.
type watch struct {
	base http.RoundTripper
	hide redactor

	mu     sync.Mutex
	failed *SignInError
}

const (
	mostError  = 16 << 10
	mostAnswer = 1 << 20
)

func (w *watch) reset() { w.keep(nil) }

func (w *watch) last() *SignInError {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *watch) keep(e *SignInError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = e
}

// RoundTrip implements http.RoundTripper. Answers are read bounded.
func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.base.RoundTrip(r)
	if err != nil {
		w.keep(w.noAnswer(r, err))
		return nil, err
	}
	reason := edge.Reason(res.StatusCode, res.Header)
	if res.StatusCode < 400 && reason == "" {
		w.keep(nil)
		res.Body = bounded{io.LimitReader(res.Body, mostAnswer), res.Body}
		return res, nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, mostError))
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	failed := w.refusal(r, res, body, reason)
	w.keep(failed)
	if res.StatusCode < 400 {
		return nil, failed // with a reason it is no success, and the SDK would take it for one
	}
	return res, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// noAnswer explains a request that has met no answer. The address is left out but for its host: the
// rest may be secret.
func (w *watch) noAnswer(r *http.Request, err error) *SignInError {
	if address, ok := errors.AsType[*url.Error](err); ok {
		err = address.Err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &SignInError{Detail: canonicalHost(r.URL) + " does not answer in time", cause: err}
	}
	return &SignInError{Detail: canonicalHost(r.URL) + " does not answer: " + w.hide.line(err.Error()), cause: err}
}

// refusal reads the error documents of OAuth, of Databricks' REST API and of Azure. What they leave
// out, the reason of the answer may say.
func (w *watch) refusal(r *http.Request, res *http.Response, body []byte, reason string) *SignInError {
	var doc struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"error_description"`
		Code        string          `json:"error_code"`
		Message     string          `json:"message"`
	}
	e := &SignInError{Status: res.StatusCode}
	if json.Unmarshal(body, &doc) == nil {
		e.Code, e.Detail = doc.Code, doc.Message
		var inner struct{ Code, Message string }
		switch {
		case json.Unmarshal(doc.Error, &e.Code) == nil:
			e.Detail = doc.Description
		case json.Unmarshal(doc.Error, &inner) == nil:
			e.Code, e.Detail = inner.Code, inner.Message
		}
	}
	if e.Status < 400 {
		e.Code, e.Detail = "", "" // it looks like a success and may hold a token
	}
	if e.Detail == "" {
		e.Detail = reason
	}
	e.Permanent = permanent(e.Status, e.Code)
	e.Code, e.Detail = w.hide.line(e.Code), w.hide.line(e.Detail)
	if e.Detail == "" {
		e.Detail = strings.ToLower(http.StatusText(res.StatusCode))
	}
	e.Detail += " (" + canonicalHost(r.URL) + ")"
	return e
}
