// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package rest is the mlflow.Source that reads traces from a tracking server over HTTP: from
// open-source servers of the versions 2.14 to 3.18, and from the MLflow of a Databricks workspace.
//
// Which routes a server has is found out by asking for them, never by its version. Traces are
// listed by a keyset on their timestamp, so that traces written or deleted meanwhile neither hide
// nor repeat others. Spans in the server's database are fetched in batches, all others one trace at
// a time. A trace that cannot be read is skipped with a reason, and the other traces are read.
package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Config is what a Client needs. Nothing is taken from the environment.
type Config struct {
	URL *url.URL // from ParseURL
	// with authentication, TLS, proxy and timeout; its redirect policy is replaced
	HTTP      *http.Client
	Workspace string // sent as X-MLFLOW-WORKSPACE if not empty
	PageSize  int    // infos per search request, at most 500 (0: 500)
	// upper bound of requests for pages of infos and for spans in flight (0: 1)
	Concurrency       int
	RequestsPerSecond float64                   // of all kinds together; 0: no bound
	MaxUtilization    float64                   // share of time that requests keep the server busy; 0 or 1: no bound
	MaxTraceBytes     int64                     // larger traces are skipped (0: 64 MiB)
	Retry             configretry.BackOffConfig // back-off between the attempts of one request
	Logger            *zap.Logger               // nil: none
	Hooks             Hooks                     // called for each request and each repetition; may be empty
	Databricks        *Databricks               // not nil: URL is that of a Databricks workspace
}

// Hooks are called for each request, from any goroutine, and must not block. Nil ones are left out.
type Hooks struct {
	// Request follows each attempt.
	Request func(Request)
	// Retry follows a failure that will be tried again after the wait.
	Retry func(err *Error, wait time.Duration)
}

// Request is one attempt at a request. Route is one of a handful of fixed names, Status 0 where no
// answer came, Bytes those of the answer's body that were read.
type Request struct {
	Route    string        // the kind of request, see the constants
	Status   int           // of HTTP; 0 without an answer
	Duration time.Duration // until the answer was read
	Bytes    int64         // of the answer's body
}

// Client reads from one server. It implements mlflow.Source; its errors are *Error or those of the
// context.
type Client struct {
	cfg     Config
	http    http.Client
	limiter *rate.Limiter
	gate    *gate
	pacer   *pacer
	large   chan struct{} // holds one element while a large answer is read
	chunk   atomic.Int32  // traces per batch, halved by large answers
	blame   atomic.Int32  // traces in a row that the server failed for
	buckets buckets
	dbx     *workspace // nil: an open-source server

	probing sync.Mutex
	api     atomic.Int32 // apiUnknown, apiV2, apiV3

	// Routes that turned out to be missing.
	noBatch, noInfos, noMetrics, noArtifact, noEnd atomic.Bool
}

const (
	apiUnknown = iota
	apiV2
	apiV3
	apiDatabricks
)

var _ mlflow.Source = (*Client)(nil)

// New returns a client. It doesn't talk to the server.
func New(cfg Config) (*Client, error) {
	if cfg.URL == nil || cfg.HTTP == nil {
		return nil, errors.New("rest: URL and HTTP are required")
	}
	if cfg.PageSize <= 0 || cfg.PageSize > maxPage {
		cfg.PageSize = maxPage
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 1
	}
	if cfg.MaxTraceBytes <= 0 {
		cfg.MaxTraceBytes = 64 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	c := &Client{cfg: cfg, http: *cfg.HTTP, gate: newGate(cfg.Concurrency),
		pacer: newPacer(cfg.MaxUtilization), large: make(chan struct{}, 1)}
	c.http.CheckRedirect = sameServer
	c.chunk.Store(maxChunk)
	limit := rate.Inf
	if cfg.RequestsPerSecond > 0 {
		limit = rate.Limit(cfg.RequestsPerSecond)
	}
	c.limiter = rate.NewLimiter(limit, 1)
	if cfg.Databricks != nil {
		var err error
		if c.dbx, err = newWorkspace(*cfg.Databricks, cfg.RequestsPerSecond); err != nil {
			return nil, err
		}
		c.api.Store(apiDatabricks)
	}
	return c, nil
}

// sameServer follows redirects within the server only: credentials are added to whatever is
// requested, so nothing else may be. A redirect that would turn a POST into a GET isn't followed
// either.
func sameServer(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 5 || req.URL.Scheme != first.URL.Scheme || req.URL.Host != first.URL.Host ||
		req.Method != first.Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close releases idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	if c.dbx != nil {
		c.dbx.storage.CloseIdleConnections()
	}
	return nil
}

// Describe names the server. Its version is for people only: proxies and forks have none or
// another.
func (c *Client) Describe(ctx context.Context) (mlflow.Description, error) {
	if c.dbx != nil {
		return c.describeWorkspace(ctx)
	}
	d := mlflow.Description{Kind: "MLflow server", Location: c.cfg.URL.String()}
	if _, err := c.version(ctx); err != nil {
		return d, err
	}
	body, err := c.call(ctx, patience{faults: 1, network: 1},
		&request{route: "version", path: "/version", limit: 256, text: true})
	if err != nil && ctx.Err() != nil {
		return d, err
	}
	if v := strings.TrimSpace(string(body)); err == nil && len(v) < 40 &&
		strings.Trim(v, "0123456789.abcdevrpost+-") == "" {
		d.Version = v
	}
	return d, nil
}

// version finds out, once, whether the server has the V3 routes (3.2 on) or those of V2 only.
func (c *Client) version(ctx context.Context) (int32, error) {
	if v := c.api.Load(); v != apiUnknown {
		return v, nil
	}
	c.probing.Lock()
	defer c.probing.Unlock()
	if v := c.api.Load(); v != apiUnknown {
		return v, nil
	}
	for _, v := range []int32{apiV3, apiV2} {
		_, err := c.call(ctx, patient, c.searchRequest(v, []string{"0"}, "", 1, ""))
		if err == nil || exists(err) {
			c.api.Store(v)
			return v, nil
		}
		if !missing(err) {
			return apiUnknown, err
		}
	}
	return apiUnknown, &Error{Kind: KindAddress, Route: routeSearch, Status: http.StatusNotFound, Message: notMLflow}
}

// missing reports whether the error says that the route doesn't exist on this server: a page of the
// web framework in place of MLflow's error document. Late servers answer 405 and "Trace with ID
// 'batchGet' not found" where /traces/{trace_id} swallows the path.
func missing(err error) bool {
	e, ok := asError(err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusNotFound:
		return e.html || e.Code == "ENDPOINT_NOT_FOUND" || strings.Contains(e.Message, "'batchGet'") ||
			strings.Contains(e.Message, "'get'")
	case http.StatusMethodNotAllowed:
		return true
	}
	return false
}

// lacks reports whether the error of a request says that the server lacks its route, and notes that for good. While a
// gateway has no server behind it, it answers each request with a page that says so: then the error stands for itself.
func (c *Client) lacks(ctx context.Context, err error, noted *atomic.Bool) bool {
	if !missing(err) || !noted.Load() && c.alive(ctx, "") != nil {
		return false
	}
	noted.Store(true)
	return true
}

// exists reports whether the error is an answer of MLflow about the question, so that the route is
// there: the probe asks about the experiment 0, which may be hidden from the caller or gone.
func exists(err error) bool {
	e, ok := asError(err)
	if !ok || missing(err) || e.Code == "FEATURE_DISABLED" {
		return false
	}
	switch e.Kind {
	case KindPermission:
		return true
	case KindRequest, KindNotFound, KindServer:
		return e.Code != "" && e.again == never
	}
	return false
}
