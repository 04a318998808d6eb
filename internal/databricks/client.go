// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package databricks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/databricks/databricks-sdk-go/apierr"
	"github.com/databricks/databricks-sdk-go/client"
	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/config/credentials"
	"github.com/databricks/databricks-sdk-go/httpclient"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/databricks/edge"
)

// maxAnswer bounds what is read of an answer. Results of statements are the largest: the workspace
// sends at most 25 MiB of its own counting, JSON adds to that.
const maxAnswer = 64 << 20

// Settings is what a client may be told; the zero value is fine.
type Settings struct {
	// Timeout bounds each request: how long nothing may arrive; 0 means 60 s.
	Timeout time.Duration
	// RequestsPerSecond is how many requests the client sends in a second, and at once after a
	// pause. More wait. 0 means 15, which is the default of databricks-sdk-go.
	RequestsPerSecond int
	// UserAgent names the program to the workspace; empty leaves the SDK's own.
	UserAgent string
	// Sleep waits between two looks at a statement; nil means real time. It returns early, with the
	// context's error, when ctx ends.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client asks one workspace. Its methods may be called at the same time.
type Client struct {
	host string
	api  *client.DatabricksClient
	set  Settings
}

// New makes a client of a workspace whose requests are signed by c. The workspace is not asked
// anything yet. c's redirect policy plays no part: no redirect is followed.
func New(host string, c *http.Client, set Settings) (*Client, error) {
	u, err := url.Parse(host)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no address of a workspace; write https://….cloud.databricks.com", host)
	}
	if set.Timeout == 0 {
		set.Timeout = time.Minute
	}
	if set.Sleep == nil {
		set.Sleep = Sleep
	}
	t := &transport{client: *c, agent: set.UserAgent}
	t.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	api := httpclient.NewApiClient(httpclient.ClientConfig{
		Host: host, HTTPTimeout: set.Timeout, RateLimitPerSecond: set.RequestsPerSecond, Transport: t,
		ErrorMapper: apierr.GetAPIError, ErrorRetriable: func(context.Context, error) bool { return false },
		Visitors: []httpclient.RequestVisitor{func(r *http.Request) error {
			r.URL.Scheme, r.URL.Host = u.Scheme, u.Host
			return nil
		}},
	})
	// The SDK's configuration only carries the client: requests are signed by c, and nothing is
	// read from the environment or asked of the network.
	sdk, err := client.NewWithClient(&config.Config{
		Host: host, Credentials: signedBelow{}, Loaders: []config.Loader{nothing{}}, HTTPTransport: t,
		HostMetadataResolver: func(context.Context, string) (*config.HostMetadata, error) { return nil, nil },
	}, api)
	if err != nil {
		return nil, err
	}
	return &Client{host: host, api: sdk, set: set}, nil
}

// Host is the workspace's address.
func (c *Client) Host() string { return c.host }

// Sleep waits; it returns early, with the context's error, when ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// segment writes a name into a path. The SDK puts names in as they are.
func segment(name string) string { return url.PathEscape(name) }

// transport sends requests over a client that signs them, and turns what is no answer of an API
// into errors.
type transport struct {
	client http.Client
	agent  string
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.agent != "" {
		r.Header.Set("User-Agent", t.agent)
	}
	res, err := t.client.Do(r)
	if err != nil {
		return nil, &noAnswer{err}
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		to, err := res.Location()
		_ = res.Body.Close()
		if err != nil {
			to = &url.URL{}
		}
		return nil, &redirected{to}
	}
	res.Body = &bounded{body: res.Body, left: maxAnswer}
	reason := edge.Reason(res.StatusCode, res.Header)
	switch {
	case res.StatusCode >= 400:
		return res, prepare(res, reason)
	case reason != "":
		_ = res.Body.Close()
		return nil, &unaccepted{res.StatusCode, reason}
	}
	return res, nil
}

// prepare makes an error answer fit to be quoted. It takes out the credential that the request was
// signed with, which a proxy or a debugging server may echo. An empty body becomes a document with
// the reason, since the SDK reads no header.
func prepare(res *http.Response, reason string) error {
	text, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 && reason != "" {
		if text, err = json.Marshal(map[string]any{"error_code": "", "message": reason}); err != nil {
			return err
		}
	}
	if _, token, ok := strings.Cut(res.Request.Header.Get("Authorization"), " "); ok && token != "" {
		text = bytes.ReplaceAll(text, []byte(token), []byte("***"))
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	res.ContentLength = -1
	return nil
}

// noAnswer hides the text of a failure from the SDK, which would try again for minutes when it sees
// certain words in it.
type noAnswer struct{ err error }

func (*noAnswer) Error() string   { return "the workspace gave no answer" }
func (e *noAnswer) Unwrap() error { return e.err }

// unaccepted is a success with a reason of the edge why it is none.
type unaccepted struct {
	status int
	reason string
}

func (*unaccepted) Error() string { return "the workspace gives a reason with its success" }

// redirected is an answer that sends the client elsewhere.
type redirected struct{ to *url.URL }

func (*redirected) Error() string { return "the workspace redirects" }

var errTooLarge = errors.New("the answer is larger than 64 MiB")

// bounded fails a body that is too large: a cut one would look like a complete one.
type bounded struct {
	body io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// signedBelow tells the SDK that requests need no credentials of its own.
type signedBelow struct{}

func (signedBelow) Name() string { return "transport" }

func (signedBelow) Configure(context.Context, *config.Config) (credentials.CredentialsProvider, error) {
	return credentials.CredentialsProviderFn(func(*http.Request) error { return nil }), nil
}

// nothing loads no configuration from anywhere.
type nothing struct{}

func (nothing) Name() string                   { return "nothing" }
func (nothing) Configure(*config.Config) error { return nil }
