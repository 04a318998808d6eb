// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

const (
	routeSearch = "traces/search"
	maxPage     = 500 // the server's own bound
	maxPasses   = 5
)

// Infos implements mlflow.Source. Page tokens are offsets, so they move when traces are written or
// deleted meanwhile; what is read next is told by the timestamp instead. How servers order ids
// within one millisecond depends on their database, so the last millisecond of a page that isn't
// the last one is left to the next request, and ids are ordered here.
func (c *Client) Infos(ctx context.Context, r mlflow.Range, after mlflow.Position, limit int) ([]mlflow.Info, error) {
	version, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	return c.list(ctx, version, []string{r.ExperimentID}, window{r.From, r.To, r.Filter}, after, limit)
}

// list is Infos for several experiments at once, on Databricks for one.
func (c *Client) list(ctx context.Context, version int32, experiments []string, w window, after mlflow.Position,
	limit int) ([]mlflow.Info, error) {
	if limit <= 0 {
		return nil, nil
	}
	from := max(w.from, after.Timestamp)
	if c.dbx != nil {
		w.to = end(w.to)
	}
	for size := min(c.cfg.PageSize, max(limit, 50)+1); ; {
		if w.to != 0 && from >= w.to {
			return nil, nil
		}
		to, err := c.until(ctx, experiments, from, w.to)
		if err != nil {
			return nil, err
		}
		page, err := c.search(ctx, version, experiments, window{from, to, w.own}, size, "")
		if errors.Is(err, errTooLarge) && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		infos := page.Infos
		if !slices.IsSortedFunc(infos, func(a, b mlflow.Info) int { return cmp.Compare(a.Timestamp, b.Timestamp) }) {
			return nil, &Error{Kind: KindAnswer, Route: routeSearch,
				Message: "the server doesn't list traces in the order that was asked for (timestamp_ms ASC)"}
		}
		c.learn(experiments, len(infos), size)
		if page.NextToken == "" {
			if found := follow(infos, after, limit); len(found) > 0 || to == w.to {
				return found, nil
			}
			from = to
			continue
		}
		if len(infos) == 0 {
			return nil, &Error{Kind: KindAnswer, Route: routeSearch,
				Message: "the server answers with an empty page that is not the last one"}
		}
		last := infos[len(infos)-1].Timestamp
		whole := slices.DeleteFunc(infos, func(i mlflow.Info) bool { return i.Timestamp >= last })
		if found := follow(whole, after, limit); len(found) > 0 {
			return found, nil
		}
		if len(whole) == 0 { // the page holds one millisecond and not all of it
			all, err := c.millisecond(ctx, version, experiments, window{last, last + 1, w.own}, size)
			if err != nil {
				return nil, err
			}
			if found := follow(all, after, limit); len(found) > 0 {
				return found, nil
			}
			last++
		}
		from = last
	}
}

// Detailed implements mlflow.Source: the infos of servers are complete.
func (c *Client) Detailed(context.Context, []mlflow.Info) error { return nil }

// maxMillisecond bounds the traces of one millisecond, which are all held at the same time.
const maxMillisecond = 200_000

// millisecond reads all traces of one millisecond by page tokens, again and again until a pass
// finds nothing new, since deletions move the pages.
func (c *Client) millisecond(ctx context.Context, version int32, experiments []string, w window,
	size int) ([]mlflow.Info, error) {
	var all []mlflow.Info
	seen := map[string]bool{}
	for range maxPasses {
		known := len(all)
		p := paging{route: routeSearch}
		inPass := map[string]bool{}
		for token := ""; ; {
			page, err := c.search(ctx, version, experiments, w, size, token)
			if err != nil {
				return nil, err
			}
			news := 0
			for _, i := range page.Infos {
				if !inPass[i.ID] {
					inPass[i.ID] = true
					news++
				}
				if !seen[i.ID] {
					seen[i.ID] = true
					all = append(all, i)
				}
			}
			if token = page.NextToken; token == "" {
				break
			}
			if err := p.follow(token, news); err != nil {
				return nil, err
			}
			if len(all) > maxMillisecond {
				return nil, &Error{Kind: KindAnswer, Route: routeSearch, Message: fmt.Sprintf(
					"the server lists more than %d traces of the millisecond %d", maxMillisecond, w.from)}
			}
		}
		if len(all) == known {
			break
		}
	}
	return all, nil
}

// search asks for a page of infos. An info whose time can't be read gets that of the one before it,
// between which and the next one the server lists it. A page with traces that were not asked for is
// an error.
func (c *Client) search(ctx context.Context, version int32, experiments []string, w window, n int,
	token string) (mlflow.InfosPage, error) {
	page, err := c.searchOnce(ctx, version, experiments, w, n, token)
	before := w.from
	for i := range page.Infos {
		info := &page.Infos[i]
		if info.Unreadable != "" {
			if len(experiments) == 1 {
				info.ExperimentID = cmp.Or(info.ExperimentID, experiments[0])
			}
			info.Timestamp = cmp.Or(info.Timestamp, before)
		}
		before = info.Timestamp
	}
	if err == nil {
		err = w.check(page.Infos, experiments)
	}
	return page, err
}

func (c *Client) searchOnce(ctx context.Context, version int32, experiments []string, w window, n int,
	token string) (mlflow.InfosPage, error) {
	if version == apiDatabricks {
		return c.searchWorkspace(ctx, experiments[0], w, n, token)
	}
	r := c.searchRequest(version, experiments, w.filter("timestamp_ms"), n, token)
	r.gated = true
	return c.infosPage(ctx, r)
}

// infosPage asks for a page of infos, which is decoded as it comes.
func (c *Client) infosPage(ctx context.Context, r *request) (page mlflow.InfosPage, err error) {
	r.decode = func(s *pyjson.Stream) (err error) {
		page, err = mlflow.ReadSearch(s)
		return err
	}
	if _, err := c.call(ctx, patient, r); err != nil {
		return mlflow.InfosPage{}, err
	}
	return page, nil
}

// follow returns the first infos, at most limit, after the position, in order and each once.
func follow(infos []mlflow.Info, after mlflow.Position, limit int) []mlflow.Info {
	infos = slices.DeleteFunc(infos, func(i mlflow.Info) bool {
		return !after.Less(mlflow.Position{Timestamp: i.Timestamp, ID: i.ID})
	})
	slices.SortFunc(infos, func(a, b mlflow.Info) int {
		if a.Timestamp != b.Timestamp {
			return int(max(-1, min(1, a.Timestamp-b.Timestamp)))
		}
		return strings.Compare(a.ID, b.ID)
	})
	infos = slices.CompactFunc(infos, func(a, b mlflow.Info) bool { return a.ID == b.ID })
	return infos[:min(len(infos), limit)]
}
