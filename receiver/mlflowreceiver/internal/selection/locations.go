// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// DedupeByLocation leaves out a chosen experiment if a chosen one with a smaller id has the same
// location in Unity Catalog. Each of them holds all traces of the location, and no trace says which
// experiment it was written for. chosen is in ascending order of ids. The notes name what was left
// out, and experiments that were not chosen and are read with it.
func DedupeByLocation(chosen, all []mlflow.Experiment) (kept []mlflow.Experiment, notes []string) {
	first := map[string]mlflow.Experiment{}
	for _, x := range chosen { // in ascending order of ids
		if x.Place != "" {
			if f, ok := first[x.Place]; ok {
				notes = append(notes,
					fmt.Sprintf("experiment %s (%s) shares the traces in %s with %s (%s); they are read as traces "+
						"of the latter",
						x.Name, x.ID, x.Place, f.Name, f.ID))
				continue
			}
			first[x.Place] = x
		}
		kept = append(kept, x)
	}
	for _, x := range kept {
		var others []string
		for _, o := range all {
			if x.Place != "" && o.Place == x.Place && !slices.ContainsFunc(chosen, func(c mlflow.Experiment) bool {
				return c.ID == o.ID
			}) {
				others = append(others, fmt.Sprintf("%s (%s)", o.Name, o.ID))
			}
		}
		if len(others) > 0 {
			notes = append(notes, fmt.Sprintf("%s, where the traces of experiment %s (%s) lie, also holds those of "+
				"%s, which was not selected; they can't be told apart and are read, too",
				x.Place, x.Name, x.ID, strings.Join(others, ", ")))
		}
	}
	return kept, notes
}
