// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Exactly implements mlflow.Source: on every open-source server, with any filter. Page tokens are
// offsets there. The n-th trace is asked for, and the one after it.
func (c *Client) Exactly(ctx context.Context, r mlflow.Range, n int64) (bool, error) {
	version, err := c.version(ctx)
	switch {
	case err != nil:
		return false, err
	case version == apiDatabricks:
		return false, fmt.Errorf("%w: page tokens of Databricks are no offsets", mlflow.ErrUnsupported)
	case n < 0:
		return false, nil
	case r.To != 0 && r.To <= r.From:
		return n == 0, nil
	}
	if n > 0 {
		page, err := c.probe(ctx, version, r, n-1)
		if err != nil || len(page.Infos) == 0 {
			return false, err
		}
		if at, ok := offset(page.NextToken); page.NextToken != "" && (!ok || at != n) {
			return false, fmt.Errorf("%w: its page tokens are no offsets", mlflow.ErrUnsupported)
		}
	}
	page, err := c.probe(ctx, version, r, n)
	return err == nil && len(page.Infos) == 0, err
}

// probe asks for the trace at an offset.
func (c *Client) probe(ctx context.Context, version int32, r mlflow.Range, at int64) (mlflow.InfosPage, error) {
	var token string
	if at > 0 {
		token = base64.StdEncoding.EncodeToString([]byte(`{"offset": ` + strconv.FormatInt(at, 10) + `}`))
	}
	page, err := c.search(ctx, version, []string{r.ExperimentID}, window{r.From, r.To, r.Filter}, 1, token)
	if e, ok := asError(err); ok && e.Kind == KindRequest && strings.Contains(e.Message, "page token") {
		err = fmt.Errorf("%w: its page tokens are no offsets: %w", mlflow.ErrUnsupported, err)
	}
	return page, err
}

// offset reads a page token.
func offset(token string) (n int64, ok bool) {
	var t struct {
		Offset *int64 `json:"offset"`
	}
	doc, err := base64.StdEncoding.DecodeString(token)
	if err != nil || json.Unmarshal(doc, &t) != nil || t.Offset == nil {
		return 0, false
	}
	return *t.Offset, true
}

// Recent implements mlflow.Source: by the end of traces on servers of 3.6 and later.
func (c *Client) Recent(ctx context.Context, r mlflow.Recency, after mlflow.Position, limit int) ([]mlflow.Info,
	error) {
	if c.dbx != nil && len(r.Experiments) != 1 {
		return nil, fmt.Errorf("%w: Databricks is asked for one experiment at a time", mlflow.ErrUnsupported)
	}
	w := window{from: r.From, own: r.Filter}
	infos, err := c.ended(ctx, r.Experiments, w, r.Since, after, limit)
	if !unsupported(err) {
		return infos, err
	}
	version, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	w.from = max(r.From, r.Since)
	return c.list(ctx, version, r.Experiments, w, after, limit)
}

// Ended implements mlflow.Source: on servers of 3.6 and later, by their filter.
func (c *Client) Ended(ctx context.Context, r mlflow.Range, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	return c.ended(ctx, []string{r.ExperimentID}, window{r.From, r.To, r.Filter}, since, after, limit)
}

// ended is Ended for several experiments.
func (c *Client) ended(ctx context.Context, experiments []string, w window, since int64, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	version, err := c.version(ctx)
	switch {
	case err != nil:
		return nil, err
	case version == apiDatabricks:
		return nil, fmt.Errorf("%w: Databricks doesn't search by the end of a trace", mlflow.ErrUnsupported)
	case version == apiV2 || c.noEnd.Load():
		return nil, fmt.Errorf("%w: servers before MLflow 3.6, and those that keep traces in files, don't search by "+
			"the end of a trace", mlflow.ErrUnsupported)
	}
	ended := w
	ended.own = endField + " >= " + strconv.FormatInt(since, 10)
	if own := strings.TrimSpace(w.own); own != "" {
		ended.own += " AND " + own
	}
	infos, err := c.list(ctx, version, experiments, ended, after, limit)
	e, ok := asError(err)
	switch {
	case !ok || ctx.Err() != nil:
		return infos, err
	case e.Kind == KindRequest && strings.Contains(e.Message, "'"+endField+"'"):
	case e.Kind == KindServer: // so fails a server that keeps traces in files
		if c.alive(ctx, "") != nil {
			return nil, err
		}
	default:
		return nil, err
	}
	c.noEnd.Store(true)
	return c.ended(ctx, experiments, w, since, after, limit)
}

// endField is what servers call the time at which a trace ended.
const endField = "end_time_ms"

func unsupported(err error) bool { return errors.Is(err, mlflow.ErrUnsupported) }
