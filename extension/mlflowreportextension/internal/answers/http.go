// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/consumer/consumererror"
)

// RoundTripper returns a transport that reads the answers of another one.
func (r *Reader) RoundTripper(base http.RoundTripper) http.RoundTripper { return &transport{r, base} }

type transport struct {
	*Reader
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper. An answer that no OTLP destination gives, or one whose media
// type is not its own, is returned without its body: an exporter that can't read it would send again.
func (t *transport) RoundTrip(q *http.Request) (*http.Response, error) {
	if q.Method != http.MethodPost {
		return t.base.RoundTrip(q)
	}
	t.asked()
	resp, err := t.base.RoundTrip(q)
	if err != nil {
		return resp, err
	}
	of := request{ctx: q.Context(), place: place(q.URL), spans: !strings.HasSuffix(q.URL.Path, "/v1/logs") &&
		!strings.HasSuffix(q.URL.Path, "/v1/metrics")}
	a, what, err := t.read(of, resp)
	if err == nil {
		err = t.judged(of, what, a)
	}
	if err != nil {
		_ = resp.Body.Close()
		if all, ok := errors.AsType[*allRejected](err); ok {
			return nil, consumererror.NewPermanent(all)
		}
		return nil, err
	}
	t.sendAgain(of, resp)
	return resp, nil
}

// read judges an answer and describes it. The body of a success can be read again.
func (t *transport) read(of request, resp *http.Response) (a answer, what string, err error) {
	media := resp.Header.Get("Content-Type")
	empty := resp.Body == http.NoBody || resp.ContentLength == 0
	if empty && resp.StatusCode/100 == 2 {
		return answer{kind: kindOTLP}, "", nil
	}
	a, done := head(resp.StatusCode, media)
	switch {
	case a.kind == kindRedirect:
		return a, fmt.Sprintf("%d to %s", resp.StatusCode, location(resp)), nil
	case a.kind == kindWebPage:
		return a, fmt.Sprintf("%d with a web page (%s)", resp.StatusCode, mediaType(media)), nil
	case done:
		return a, "", nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostBody+1))
	if err != nil { // what it says is not known: as if there were no answer
		return a, "", fmt.Errorf("the answer of %s was cut off: %w", of.place, err)
	}
	a, mislabelled := body(media, b, len(b) <= mostBody)
	if a.kind == kindOther {
		size := int64(len(b))
		if size > mostBody {
			size = resp.ContentLength
		}
		what = fmt.Sprintf("%d with %s", resp.StatusCode, described(media, size))
	}
	if a.kind == kindOther || mislabelled {
		b = nil
	}
	_ = resp.Body.Close()
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return a, what, nil
}

// location is where a redirect leads.
func location(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return place(u)
}
