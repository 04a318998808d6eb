// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// check returns an error for a page with a trace that was not asked for: outside of the window, or of
// another experiment. A place in Unity Catalog may belong to several experiments.
func (w window) check(page []mlflow.Info, experiments []string) error {
	for i := range page {
		info := &page[i]
		switch {
		case info.Unreadable != "":
		case (w.from > 0 || w.to != 0) && info.Timestamp < w.from || w.to != 0 && info.Timestamp >= w.to:
			upto := ""
			if w.to != 0 {
				upto = fmt.Sprintf(" to %d", w.to-1)
			}
			return &Error{Kind: KindAnswer, Route: routeSearch, Message: fmt.Sprintf("the server was asked for "+
				"traces from %d%s and lists %s of %d: it repeats a page or ignores the filter", w.from, upto,
				bounded(info.ID, 80), info.Timestamp)}
		case placeOf(info) == "" && info.ExperimentID != "" && !slices.Contains(experiments, info.ExperimentID):
			return &Error{Kind: KindAnswer, Route: routeSearch, Message: fmt.Sprintf("the server was asked for "+
				"traces of experiment %s and lists %s of experiment %s", bounded(strings.Join(experiments, ", "), 80),
				bounded(info.ID, 80), bounded(info.ExperimentID, 40))}
		}
	}
	return nil
}

// Bounds of a list that is read by page tokens: pages in a row that bring nothing new, and pages in
// all.
const (
	maxStale = 3
	maxEmpty = 1000 // of a search in Unity Catalog, which passes over files without a match
	maxPages = 100_000
)

// paging makes sure that a list which is read by page tokens ends.
type paging struct {
	route string
	most  int // stale pages that are allowed, 0: maxStale
	seen  map[string]bool
	stale int
}

// follow notes the token of the next page and how many new things this one had. The error says that
// the list has no end.
func (p *paging) follow(token string, news int) error {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	if p.stale++; news > 0 {
		p.stale = 0
	}
	wrong := ""
	switch {
	case p.seen[token]:
		wrong = "the server repeats a page token, so that its list has no end"
	case p.stale > cmp.Or(p.most, maxStale):
		wrong = fmt.Sprintf("the server answers with %d pages in a row that hold nothing new", p.stale)
	case len(p.seen) >= maxPages:
		wrong = fmt.Sprintf("the server answers with more than %d pages", maxPages)
	default:
		p.seen[token] = true
		return nil
	}
	return &Error{Kind: KindAnswer, Route: p.route, Message: wrong}
}
