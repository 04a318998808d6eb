// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const (
	routePlace       = "traces/{location}/batchGet"
	routeCredentials = "traces/credentials-for-data-download"
	routeSigned      = "signed URL"
	routeOnline      = "get-online-trace-details"

	// maxPlaceChunk is how many traces of a place are asked for at once: what the backend allowed
	// when MLflow's client learnt to ask in parts.
	maxPlaceChunk = 10
	// signedTries is how often a signed URL is fetched anew: it may have expired on the way.
	signedTries = 2
)

// Metadata of traces that lie in an inference table.
const (
	metaSourceTable = "mlflow.sourceTable"
	metaRequestID   = "mlflow.databricksRequestId"
)

// errNotShown is the cause where the workspace lists a trace and does not show it.
var errNotShown = errors.New("the trace is not shown")

// placeRequest asks for traces of a place in Unity Catalog; the caller adds their ids.
func (c *Client) placeRequest(place string, limit int64) *request {
	q := c.dbx.query()
	q.Set("location_id", place)
	return &request{route: routePlace, path: "/api/4.0/mlflow/traces/" + url.PathEscape(place) + "/batchGet", query: q,
		limit: limit, gated: true, budget: c.dbx.downloads}
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// workspaceDocument asks for the spans of one trace where they lie: in Unity Catalog, in an
// inference table, or in a file behind a signed URL.
func (c *Client) workspaceDocument(ctx context.Context, info *mlflow.Info, limit int64) (d document, err error) {
	place, hex := mlflow.SplitPlaceID(info.ID)
	table, online := mlflow.Get(info.Metadata, metaSourceTable)
	switch {
	case place != "":
		return c.placeDocument(ctx, info, place, hex, limit)
	case online && uuid.MatchString(info.ID):
		body, err := c.onlineDocument(ctx, info, table, limit)
		if err != nil {
			return d, err
		}
		trace, err := mlflow.DecodeTrace(*info, body)
		return document{trace, asSkip(err)}, nil
	}
	for try := 1; ; try++ {
		to, err := c.signedURL(ctx, info.ID)
		if err != nil {
			return d, err
		}
		_, err = c.call(ctx, single, &request{route: routeSigned, limit: limit, gated: true, away: to,
			decode: traceInto(info, &d)})
		if kindOf(err) != KindPermission || try == signedTries {
			return d, err
		}
	}
}

// placeDocument asks for one trace of a place.
func (c *Client) placeDocument(ctx context.Context, info *mlflow.Info, place, hex string,
	limit int64) (d document, err error) {
	r := c.placeRequest(place, limit)
	r.query.Set("trace_ids", hex)
	var found *mlflow.Element
	r.decode = func(s *pyjson.Stream) error {
		found = nil
		return mlflow.ReadBatch(s, func(e mlflow.Element) error {
			if found == nil && e.TraceID == hex {
				found = &e
			}
			return nil
		})
	}
	if _, err := c.call(ctx, single, r); err != nil {
		return d, err
	}
	if found != nil {
		trace, err := found.Trace(*info)
		return document{trace, asSkip(err)}, nil
	}
	return d, &Error{Kind: KindNotFound, Route: routePlace, Status: http.StatusOK,
		Message: "the workspace doesn't show the trace", Err: errNotShown}
}

// onlineDocument asks for the spans that an inference table holds.
func (c *Client) onlineDocument(ctx context.Context, info *mlflow.Info, table string, limit int64) ([]byte, error) {
	q := c.dbx.query()
	q.Set("trace_id", info.ID)
	q.Set("source_inference_table", table)
	if id, ok := mlflow.Get(info.Metadata, metaRequestID); ok {
		q.Set("source_databricks_request_id", id)
	}
	body, err := c.call(ctx, single, &request{route: routeOnline, path: "/api/2.0/mlflow/get-online-trace-details",
		query: q, limit: 2 * limit, gated: true, budget: c.dbx.downloads})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data string `json:"trace_data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, undecodable(routeOnline, err)
	}
	if answer.Data == "" {
		return nil, &Error{Kind: KindNotFound, Route: routeOnline, Status: http.StatusOK,
			Message: "the workspace doesn't show the trace", Err: errNotShown}
	}
	if int64(len(answer.Data)) > limit {
		return nil, &Error{Kind: KindAnswer, Route: routeOnline, Status: http.StatusOK,
			Message: "the answer is longer than allowed", Err: errTooLarge}
	}
	return []byte(answer.Data), nil
}

// once leaves the repeats of spans out: writers that deliver at least once leave equal rows in
// tables of Unity Catalog. Rows that differ stay, all of them.
func (w *workspace) once(t *mlflow.Trace) {
	if w == nil || t == nil || placeOf(&t.Info) == "" {
		return
	}
	at := make(map[[8]byte][]int, len(t.Spans))
	kept := t.Spans[:0]
	for _, s := range t.Spans {
		same := slices.ContainsFunc(at[s.ID], func(i int) bool { return reflect.DeepEqual(kept[i], s) })
		if !same {
			at[s.ID] = append(at[s.ID], len(kept))
			kept = append(kept, s)
		}
	}
	t.Spans = kept
}

// signedURL asks for the address of a trace's file of spans. It leads to the cloud's storage, which
// must not see the workspace's token.
func (c *Client) signedURL(ctx context.Context, id string) (*away, error) {
	body, err := c.call(ctx, single, &request{
		route: routeCredentials, path: "/api/2.0/mlflow/traces/" + url.PathEscape(id) +
			"/credentials-for-data-download", limit: 1 << 20, budget: c.dbx.downloads,
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Info struct {
			URI     string `json:"signed_uri"`
			Headers []struct {
				Name  string `json:"name"`
				Value string `json:"value"`
			} `json:"headers"`
		} `json:"credential_info"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, undecodable(routeCredentials,
			errors.New("it is not of the form {\"credential_info\": {\"signed_uri\": …}}"))
	}
	u, err := url.Parse(answer.Info.URI)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" &&
		(u.Scheme != "http" || c.cfg.URL.Scheme != "http") {
		return nil, &Error{Kind: KindAnswer, Route: routeCredentials, Status: http.StatusOK,
			Message: "the workspace hands out no https address for the file of spans"}
	}
	to := &away{client: &c.dbx.storage, address: answer.Info.URI, header: http.Header{}}
	for _, h := range answer.Info.Headers {
		to.header.Set(h.Name, h.Value)
	}
	c.dbx.mu.Lock()
	c.dbx.host = u.Host
	c.dbx.mu.Unlock()
	return to, nil
}

// bucket names the storage that signed URLs point to, "" before the first one.
func (w *workspace) bucket() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.host == "" {
		return ""
	}
	return "https://" + w.host
}

// storageError explains an answer of cloud storage other than 200. Its body is left out: it may
// repeat the signature.
func storageError(route string, res *http.Response) *Error {
	e := &Error{Route: route, Status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"))}
	switch s := res.StatusCode; {
	case s == http.StatusNotFound:
		e.Kind, e.Code, e.Message = KindNotFound, "NOT_FOUND", "the storage has no file of spans for the trace"
	case s == http.StatusUnauthorized || s == http.StatusForbidden || s == http.StatusBadRequest:
		e.Kind, e.Message = KindPermission, "the storage refuses the signed URL"
	case s >= 300 && s < 400:
		e.Kind, e.Message = KindAddress, "the storage redirects, which is not followed"
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable:
		e.Kind, e.again, e.Message = KindUnavailable, waiting, "the storage is overloaded"
	default:
		e.Kind, e.again, e.Message = KindServer, capped, "the storage failed"
	}
	return e
}

// explainWorkspace says why the spans of a trace can't be had, or returns an error that isn't the
// trace's own. It returns neither where the usual rules will do.
func (c *Client) explainWorkspace(ctx context.Context, info *mlflow.Info, bucket string,
	e *Error) (*mlflow.Skip, error) {
	switch {
	case errors.Is(e, errTooLarge):
	case errors.Is(e, errNotShown):
		if _, err := c.workspaceInfo(ctx, info.ID); kindOf(err) == KindNotFound {
			return mlflow.Skipf(mlflow.ReasonVanished, "the trace is gone"), nil
		} else if err != nil && !ownFault(err) && !errors.Is(err, mlflow.ErrNoInfo) {
			return nil, err
		}
		if info.State == mlflow.StateInProgress {
			return mlflow.Skipf(mlflow.ReasonNoSpans, "the trace is in progress and has no spans yet"), nil
		}
		return mlflow.Skipf(mlflow.ReasonNoSpans, "the workspace lists the trace and doesn't show its spans, as it "+
			"happens with large ones; its tables may hold them"), nil
	case e.Route == routeCredentials && missing(e):
		return mlflow.Skipf(mlflow.ReasonUnreachable, "this workspace has no route that leads to files of spans"), nil
	case e.Route == routeCredentials && e.Kind == KindAnswer:
		return mlflow.Skipf(mlflow.ReasonUnreachable, "%s", e.Message), nil
	case e.Route == routeSigned && e.Kind != KindNotFound && e.Kind != KindAnswer:
		why := "the spans lie in a file at " + strings.TrimPrefix(bucket, "https://") +
			", which can't be read from here: " + e.Message
		c.buckets.note(bucket, why)
		return mlflow.Skipf(mlflow.ReasonUnreachable, "%s", why), nil
	case e.Route == routeSigned && e.Kind == KindNotFound && info.State != mlflow.StateInProgress && everHadSpans(info):
		return mlflow.Skipf(mlflow.ReasonArtifactMissing, "%s", e.Message), nil
	}
	return nil, nil
}
