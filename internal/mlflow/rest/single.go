// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const (
	routeArtifact = "get-trace-artifact"
	routeProxied  = "mlflow-artifacts"
	routeGet      = "traces/get"

	// So many traces in a row may fail at the server before the server itself is held to be at
	// fault.
	maxBlame = 20

	// So often the document of one trace is asked for, each time with the patience of single, while the
	// server answers other questions. Where a third of all requests fails, a trace is then skipped in
	// one of a million.
	rounds = 3
)

// fetchOne asks for the spans of one trace, wherever they lie. Only what concerns the server as a
// whole is an error.
func (c *Client) fetchOne(ctx context.Context, infos []mlflow.Info, i int, emit func(answer) error) error {
	info := &infos[i]
	bucket := c.remote(info)
	if why := c.buckets.verdict(bucket); why != "" {
		return emit(answer{traces: []int{i}, skip: mlflow.Skipf(mlflow.ReasonUnreachable, "%s", why)})
	}
	read, err := c.document(ctx, info)
	if e, ok := asError(err); ok && e.Route == routeSigned {
		bucket = c.dbx.bucket()
	}
	for range rounds - 1 { // Is it this trace or the server? Wait for the server and ask again.
		if e, ok := asError(err); !ok || !e.mayPass() || bucket != "" || ctx.Err() != nil {
			break
		}
		place, _ := mlflow.SplitPlaceID(info.ID)
		if err := c.alive(ctx, place); err != nil {
			return err
		}
		read, err = c.document(ctx, info)
	}
	if err == nil {
		c.blame.Store(0)
		c.buckets.note(bucket, "")
		return emit(answer{traces: []int{i}, trace: read.trace, skip: read.skip})
	}
	if ctx.Err() != nil {
		return err
	}
	skip, err := c.explain(ctx, info, bucket, err)
	if err != nil {
		return err
	}
	return emit(answer{traces: []int{i}, skip: skip})
}

// document is what the answer to a request for one trace holds: the trace, or why it is none.
type document struct {
	trace *mlflow.Trace
	skip  *mlflow.Skip
}

// traceInto decodes the document of one trace.
func traceInto(info *mlflow.Info, d *document) func(*pyjson.Stream) error {
	return func(s *pyjson.Stream) error {
		trace, err := mlflow.ReadTrace(*info, s)
		*d = document{trace, asSkip(err)}
		return unlessSyntax(s, err)
	}
}

// document asks for the spans by the routes that the server has.
func (c *Client) document(ctx context.Context, info *mlflow.Info) (d document, err error) {
	limit := c.cfg.MaxTraceBytes
	if c.dbx != nil {
		return c.workspaceDocument(ctx, info, limit)
	}
	into := traceInto(info, &d)
	if !c.noArtifact.Load() {
		_, err := c.call(ctx, single, &request{
			route: routeArtifact, path: "/ajax-api/2.0/mlflow/get-trace-artifact",
			query: url.Values{"request_id": {info.ID}}, limit: limit, gated: true, decode: into,
		})
		if !c.lacks(ctx, err, &c.noArtifact) { // as where a proxy lets only /api pass
			return d, err
		}
	}
	if info.SpansLocation() != mlflow.SpansInArtifacts {
		_, err := c.call(ctx, single, &request{
			route: routeGet, path: "/api/3.0/mlflow/traces/get",
			query: url.Values{"trace_id": {info.ID}, "allow_partial": {"true"}}, limit: limit, gated: true,
			decode: into,
		})
		return d, err
	}
	location, _ := mlflow.Get(info.Tags, mlflow.TagArtifactLocation)
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		return d, &Error{Kind: KindNotFound, Route: routeArtifact, Code: "NOT_FOUND",
			Message: "the route get-trace-artifact is not let through, and the spans don't lie in the server's own " +
				"artifact store"}
	}
	r := proxied(strings.TrimRight(u.EscapedPath(), "/")+"/traces.json", limit)
	r.decode = into
	_, err = c.call(ctx, single, r)
	return d, err
}

// alive waits until the server answers, for a place in Unity Catalog also its SQL warehouse.
func (c *Client) alive(ctx context.Context, place string) error {
	if c.dbx != nil {
		return c.workspaceAlive(ctx, place)
	}
	version, err := c.version(ctx)
	if err != nil {
		return err
	}
	if _, err = c.call(ctx, patient, c.searchRequest(version, []string{"0"}, "", 1, "")); err != nil && !exists(err) {
		return err
	}
	return nil
}

// explain says why the spans of a trace can't be had, or returns an error that isn't the trace's
// own.
func (c *Client) explain(ctx context.Context, info *mlflow.Info, bucket string, err error) (*mlflow.Skip, error) {
	e, ok := asError(err)
	if ok && c.dbx != nil {
		if skip, err := c.explainWorkspace(ctx, info, bucket, e); skip != nil || err != nil {
			return skip, err
		}
	}
	switch {
	case !ok || !errors.Is(err, errTooLarge) && !ownFault(err):
		return nil, err
	case errors.Is(err, errTooLarge):
		return c.tooLarge(0), nil
	case e.Kind == KindPermission:
		return mlflow.Skipf(mlflow.ReasonForbidden, "%s", e.Message), nil
	case strings.Contains(e.Message, corruptData):
		return mlflow.Skipf(mlflow.ReasonCorrupt, "the server can't read its file of spans"), nil
	case e.Kind == KindAnswer:
		return mlflow.Skipf(mlflow.ReasonCorrupt, "the spans are not a JSON document"), nil
	case e.Kind == KindNotFound && e.Code != "NOT_FOUND":
		return mlflow.Skipf(mlflow.ReasonVanished, "%s", e.Message), nil
	case strings.Contains(e.Message, notExported): // 3.6: also for a trace that is gone
		version, err := c.version(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := c.info(ctx, version, info.ID); kindOf(err) == KindNotFound {
			return mlflow.Skipf(mlflow.ReasonVanished, "the trace is gone"), nil
		} else if err != nil && !ownFault(err) {
			return nil, err
		}
		return mlflow.Skipf(mlflow.ReasonSourceError,
			"not all spans of the trace were exported, and this server version "+
				"(3.6) doesn't show the others; a newer one does"), nil
	case c.dbx == nil && bucket != "" && c.buckets.unread(bucket):
		why := "the spans lie in " + bucket + ", which the server can't read for us"
		c.buckets.note(bucket, why)
		return mlflow.Skipf(mlflow.ReasonUnreachable, "%s", why), nil
	case e.Kind == KindNotFound && info.State == mlflow.StateInProgress:
		return mlflow.Skipf(mlflow.ReasonNoSpans, "the trace is in progress and has no spans yet"), nil
	case e.Kind == KindNotFound && !everHadSpans(info):
		return mlflow.Skipf(mlflow.ReasonNoSpans, "the trace has an info and no spans"), nil
	case e.Kind == KindNotFound:
		return mlflow.Skipf(mlflow.ReasonArtifactMissing, "the server has no file of spans for the trace: %s",
			e.Message), nil
	}
	if c.blame.Add(1) > maxBlame {
		return nil, &Error{Kind: KindServer, Route: e.Route, Status: e.Status, Err: e,
			Message: "the server fails for many traces in a row, so the cause is the server; check its log. The " +
				"last message: " + e.Message}
	}
	return mlflow.Skipf(mlflow.ReasonSourceError, "the server fails for this trace: %s", e.Message), nil
}

// everHadSpans reports whether a client wrote spans for the trace: those note a schema version; an
// info that was only posted has none.
func everHadSpans(info *mlflow.Info) bool {
	_, ok := mlflow.Get(info.Metadata, mlflow.MetaSchemaVersion)
	return ok
}

// remote returns scheme and host of the artifact store that the spans of the trace lie in, if that
// is one which the server, or on Databricks this program, has to reach, else "".
func (c *Client) remote(info *mlflow.Info) string {
	if c.dbx != nil && placeOf(info) == "" {
		return c.dbx.bucket()
	}
	if c.dbx != nil || info.SpansLocation() == mlflow.SpansInStore {
		return ""
	}
	location, _ := mlflow.Get(info.Tags, mlflow.TagArtifactLocation)
	u, err := url.Parse(location)
	if err != nil || u.Scheme == "" || u.Scheme == "file" || u.Scheme == "mlflow-artifacts" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// buckets remembers which artifact stores the server could read. Servers answer "not found" for
// each failure to read one, and may take seconds for it; so a store that has never given anything
// and failed often is asked again now and then only.
type buckets struct {
	mu   sync.Mutex
	seen map[string]*bucketState
}

type bucketState struct {
	read   bool // gave a trace at least once
	failed int
	until  time.Time
	why    string
}

const (
	bucketFailures = 20
	bucketPause    = 30 * time.Second
)

// verdict returns why the store isn't asked now, or "".
func (b *buckets) verdict(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.seen[name]; s != nil && !s.read && s.failed >= bucketFailures && time.Now().Before(s.until) {
		return s.why
	}
	return ""
}

// unread reports whether the store has never given a trace.
func (b *buckets) unread(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.seen[name]
	return s == nil || !s.read
}

// note remembers a success (why is empty) or a failure.
func (b *buckets) note(name, why string) {
	if name == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.seen[name]
	if s == nil {
		if b.seen == nil {
			b.seen = map[string]*bucketState{}
		}
		s = &bucketState{}
		b.seen[name] = s
	}
	if why == "" {
		*s = bucketState{read: true}
		return
	}
	s.failed++
	s.why = why
	s.until = time.Now().Add(bucketPause)
}
