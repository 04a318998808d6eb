// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"io"
	"net/http"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
)

// RoundTripper signs each request that goes to Host, on a clone, and hands it to base (nil: the
// session's own transport). A request to another host, such as the target of a redirect, is
// refused. After an answer that refuses the token it renews the sign-in and repeats the request
// once, if that brings another token and the body can be had again (GetBody).
func (s *Session) RoundTripper(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = s.transport
	}
	return signer{s, base}
}

type signer struct {
	s    *Session
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t signer) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r.Clone(r.Context())
	if err := t.s.Authenticate(first); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	res, err := t.base.RoundTrip(first)
	if err != nil || !edge.RefusesToken(res) {
		return res, err
	}
	again, err := t.again(r, first)
	if err == nil && again == nil {
		return res, nil
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, mostError))
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	return t.base.RoundTrip(again)
}

// again makes the request that is sent after a refusal, or nil if there is nothing to gain. An error is
// that of the new sign-in.
func (t signer) again(r, first *http.Request) (*http.Request, error) {
	body := r.Body
	if body != nil && body != http.NoBody {
		if r.GetBody == nil {
			return nil, nil
		}
		var err error
		if body, err = r.GetBody(); err != nil {
			return nil, nil
		}
	}
	second := r.Clone(r.Context())
	second.Body = body
	err := t.s.Renew(r.Context())
	if err == nil {
		err = t.s.Authenticate(second)
	}
	if err == nil && second.Header.Get("Authorization") != first.Header.Get("Authorization") {
		return second, nil
	}
	if body != nil {
		_ = body.Close()
	}
	return nil, err
}
