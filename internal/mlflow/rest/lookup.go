// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Bounds of a request that looks up traces: ids, and bytes of the list of ids in an address. Servers
// of 2.x take 4,094 bytes of request line.
const (
	lookupPage    = 100
	lookupAddress = 3500
)

// Lookup implements mlflow.Source: 100 traces per request where the server can look up in bulk (3.11
// on) or the experiment is known, else one by one. Traces that are hidden from the caller count as
// unknown.
func (c *Client) Lookup(ctx context.Context, experiment string, ids []string) ([]mlflow.Info, error) {
	v, err := c.version(ctx)
	if err != nil {
		return nil, err
	}
	if v == apiDatabricks {
		return c.lookupWorkspace(ctx, ids)
	}
	var infos []mlflow.Info
	for len(ids) > 0 && v == apiV3 && !c.noInfos.Load() {
		n := min(len(ids), lookupPage)
		found, err := c.lookup(ctx, ids[:n])
		if missing(err) {
			c.noInfos.Store(true)
			break
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, found...)
		ids = ids[n:]
	}
	if experiment != "" && len(ids) > 0 {
		var found []mlflow.Info
		if found, ids, err = c.find(ctx, v, experiment, ids); err != nil {
			return nil, err
		}
		infos = append(infos, found...)
	}
	for _, id := range ids {
		if strings.Trim(id, ".") == "" {
			continue // the path would lead to another route
		}
		info, err := c.info(ctx, v, id)
		switch e := kindOf(err); {
		case err == nil:
			infos = append(infos, info)
		case e == KindNotFound || e == KindPermission || missing(err): // a slash in an id leads to no route
		default:
			return nil, err
		}
	}
	// A trace that is there under another experiment is not the one that is meant.
	return slices.DeleteFunc(infos, func(i mlflow.Info) bool {
		return experiment != "" && i.ExperimentID != "" && i.ExperimentID != experiment
	}), nil
}

// lookup asks for infos in bulk. A trace that is hidden from the caller makes the server refuse the
// whole request: then the halves are asked for.
func (c *Client) lookup(ctx context.Context, ids []string) ([]mlflow.Info, error) {
	ask, err := json.Marshal(map[string]any{"trace_ids": ids})
	if err != nil {
		return nil, err
	}
	page, err := c.infosPage(ctx, &request{route: routeInfos, path: "/api/3.0/mlflow/traces/batchGetInfos",
		body: ask, limit: listLimit})
	if half := len(ids) / 2; kindOf(err) == KindPermission || errors.Is(err, errTooLarge) {
		if half == 0 {
			if kindOf(err) == KindPermission {
				err = nil
			}
			return nil, err
		}
		first, err := c.lookup(ctx, ids[:half])
		if err != nil {
			return nil, err
		}
		second, err := c.lookup(ctx, ids[half:])
		return append(first, second...), err
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page.Infos, func(i mlflow.Info) bool { return !slices.Contains(ids, i.ID) }), nil
}

// info asks for the info of one trace.
func (c *Client) info(ctx context.Context, v int32, id string) (mlflow.Info, error) {
	path := "/api/3.0/mlflow/traces/" + url.PathEscape(id)
	if v == apiV2 {
		path = "/api/2.0/mlflow/traces/" + url.PathEscape(id) + "/info"
	}
	body, err := c.call(ctx, patient, &request{route: routeInfo, path: path, limit: listLimit})
	if err != nil {
		return mlflow.Info{}, err
	}
	info, err := mlflow.DecodeInfo(body)
	return known(info, err, id)
}

// known completes what was decoded of the answer to a request for the info of a trace. An answer
// that can't be read costs this trace and no other.
func known(info mlflow.Info, err error, id string) (mlflow.Info, error) {
	switch {
	case errors.Is(err, mlflow.ErrNoInfo):
		return mlflow.Info{}, undecodable(routeInfo, err)
	case err != nil:
		info = mlflow.Info{Unreadable: bounded(err.Error(), 200)}
	}
	_, bare := mlflow.SplitPlaceID(id)
	switch info.ID {
	case id, bare:
	case "":
		info.ID = id
	default:
		return mlflow.Info{}, &Error{Kind: KindAnswer, Route: routeInfo, Status: http.StatusOK, Message: fmt.Sprintf(
			"the server was asked for the trace %s and answers with %s", bounded(id, 80), bounded(info.ID, 80))}
	}
	return info, nil
}

// find looks traces up by a search in their experiment. It returns those that it found and the ids
// that can't be asked for in this way.
func (c *Client) find(ctx context.Context, v int32, experiment string, ids []string) (infos []mlflow.Info,
	left []string, err error) {
	var plain []string
	for _, id := range ids {
		if id != "" && !strings.ContainsFunc(id, needsEscape) {
			plain = append(plain, id)
		} else {
			left = append(left, id)
		}
	}
	for len(plain) > 0 {
		n, size := 0, 0
		for n < min(len(plain), lookupPage) {
			size += len(url.QueryEscape("'" + plain[n] + "', "))
			if n > 0 && v == apiV2 && size > lookupAddress {
				break
			}
			n++
		}
		own := "request_id = '" + plain[0] + "'"
		if n > 1 {
			own = "request_id IN ('" + strings.Join(plain[:n], "', '") + "')"
		}
		page, err := c.search(ctx, v, []string{experiment}, window{own: own}, n, "")
		if k := kindOf(err); k == KindRequest || k == KindServer || errors.Is(err, errTooLarge) {
			break // one of the ids may be the cause
		}
		if err != nil {
			return nil, nil, err
		}
		for _, i := range page.Infos {
			if slices.Contains(plain[:n], i.ID) { // databases may compare without case
				infos = append(infos, i)
			}
		}
		plain = plain[n:]
	}
	return infos, append(left, plain...), nil
}

// needsEscape reports whether the character can't stand in a text of a search filter as it is, or
// means something in one of a list, which servers read as Python.
func needsEscape(r rune) bool { return r < ' ' || strings.ContainsRune("'\"`\\", r) }
