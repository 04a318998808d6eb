// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package shard

import (
	"errors"
	"fmt"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Wanted is what a configuration says of the shard.
type Wanted struct {
	progress.Shard
	// Import says that the folders of former shards are written, StartOver that none of them counts.
	Import, StartOver bool
}

// Decision says how a storage is used.
type Decision struct {
	// Claim is what the storage holds from now on. It is written first where Write is true; with Importing,
	// once more without it when the import has come to its end.
	Claim progress.Claim
	Write bool
}

// Decide compares what a storage holds with what is wanted. stored is its claim; new says that nothing was
// ever stored. The error says what to write, if the storage is that of another shard.
func Decide(stored progress.Claim, isNew bool, w Wanted) (Decision, error) {
	same := !isNew && stored.Same(w.Shard)
	switch {
	case same && !stored.Importing:
		return Decision{Claim: stored}, nil
	case isNew && w.Whole() && !w.Import:
		return Decision{}, nil
	case same && w.Import: // the import was cut off
		return Decision{Claim: stored, Write: true}, nil
	case isNew:
		return Decision{Claim: progress.Claim{Shard: w.Shard, Importing: w.Import}, Write: true}, nil
	case w.Import || w.StartOver:
		return Decision{Write: true, Claim: progress.Claim{Shard: w.Shard, Generation: stored.Generation + 1,
			Importing: w.Import}}, nil
	case same:
		return Decision{}, errors.New("the storage holds an import that did not come to its end; write the folders " +
			"in shard::import once more, or none to start over")
	}
	former, folders := "a process that reads everything", "its storage folder"
	if !stored.Whole() {
		former = stored.Shard.String()
		folders = fmt.Sprintf("the storage folders of all %d former shards", stored.Count)
	}
	return Decision{}, fmt.Errorf("the storage holds the position of %s, and this one reads %s; to go on where the "+
		"former stopped, name a new storage folder, and in shard::import %s; to start over, write "+
		"shard::import: none", former, w.Shard, folders)
}
