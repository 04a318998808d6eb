// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/exporter/databricksexporter/internal/route"
)

// maxAnswer is what is read of an answer.
const maxAnswer = 64 << 10

// Link is how requests get to the workspace.
type Link struct {
	// Client signs requests, anew once when the token is refused, and follows no redirects.
	Client *http.Client
	// URL is the address of the route, Path its path.
	URL, Path   string
	TableHeader string
	UserAgent   string
	// Principal is who signs in, as far as that is known; GRANT statements name it.
	Principal string
	// Timeout bounds one request; 0 means no bound.
	Timeout time.Duration
}

// post sends one body and returns what came back.
func (l *Link) post(ctx context.Context, d route.Destination, body []byte) answer {
	if l.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Timeout)
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	r.Header.Set("User-Agent", l.UserAgent)
	r.Header.Set(l.TableHeader, d.Table.String())
	res, err := l.Client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	// A success that breaks off may have rejected a part: it counts as no answer. The status of a
	// failure is enough.
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil && res.StatusCode/100 == 2 {
		return answer{err: err}
	}
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	return answer{status: res.StatusCode, header: res.Header, body: got}
}
