// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gobwas/glob"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/similar"
)

// Experiments is a user's selection: ids and name globs add up, exclude (ids or name globs) wins,
// deleted experiments are left out unless asked for.
type Experiments struct {
	IDs, Names, Exclude []string
	Deleted             bool // deleted experiments are chosen, too
}

// Unmatched says that an id or a name of the selection matches nothing that can be seen.
type Unmatched struct {
	Wanted  string   // the id, name or glob that matches nothing
	Deleted bool     // it matches deleted experiments only
	Near    []string // names that look alike
	Visible []string // what can be seen, at most 20
	More    int      // how many more can be seen
}

// Error implements error.
func (u *Unmatched) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "experiments: %q matches no experiment", u.Wanted)
	if u.Deleted {
		b.WriteString(" that is not deleted; write deleted: true to read it all the same")
	}
	if len(u.Near) > 0 {
		fmt.Fprintf(&b, "; did you mean %s?", strings.Join(u.Near, ", "))
	}
	if len(u.Visible) == 0 {
		b.WriteString("; no experiment can be seen with these credentials")
		return b.String()
	}
	fmt.Fprintf(&b, "; visible: %s", strings.Join(u.Visible, ", "))
	if u.More > 0 {
		fmt.Fprintf(&b, " and %d more", u.More)
	}
	return b.String()
}

// Select returns the experiments of all that the selection means, in ascending order of their ids.
// An id or a name that matches nothing is an *Unmatched, of several the first one; with it comes what
// the others mean.
func (e Experiments) Select(all []mlflow.Experiment) ([]mlflow.Experiment, error) {
	excluded := make([]glob.Glob, len(e.Exclude))
	for i, p := range e.Exclude {
		g, err := glob.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("experiments::exclude[%d]: %w", i, err)
		}
		excluded[i] = g
	}
	chosen := map[string]mlflow.Experiment{}
	var unmatched error
	choose := func(wanted string, match func(mlflow.Experiment) bool) {
		found, deleted := false, false
		for _, x := range all {
			switch {
			case !match(x):
			case x.Deleted && !e.Deleted:
				deleted = true
			default:
				found = true
				if !slices.ContainsFunc(excluded, func(g glob.Glob) bool { return g.Match(x.Name) || g.Match(x.ID) }) {
					chosen[x.ID] = x
				}
			}
		}
		if !found && unmatched == nil {
			unmatched = e.unmatched(wanted, deleted, all)
		}
	}
	for _, id := range e.IDs {
		choose(id, func(x mlflow.Experiment) bool { return x.ID == id })
	}
	for i, p := range e.Names {
		g, err := glob.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("experiments::names[%d]: %w", i, err)
		}
		choose(p, func(x mlflow.Experiment) bool { return x.Name == p || g.Match(x.Name) })
	}
	list := make([]mlflow.Experiment, 0, len(chosen))
	for _, x := range chosen {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b mlflow.Experiment) int {
		if len(a.ID) != len(b.ID) {
			return len(a.ID) - len(b.ID)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, unmatched
}

func (e Experiments) unmatched(wanted string, deleted bool, all []mlflow.Experiment) error {
	const most = 20
	u := &Unmatched{Wanted: wanted, Deleted: deleted}
	for _, x := range all {
		if x.Deleted && !e.Deleted {
			continue
		}
		label := fmt.Sprintf("%s (%s)", x.Name, x.ID)
		if similar.Names(wanted, x.Name) && len(u.Near) < 3 {
			u.Near = append(u.Near, x.Name)
		}
		if len(u.Visible) < most {
			u.Visible = append(u.Visible, label)
		} else {
			u.More++
		}
	}
	return u
}
