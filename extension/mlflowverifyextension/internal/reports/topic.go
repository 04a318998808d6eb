// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Newest is the newest report of each process, by the key of its records in a topic.
type Newest map[string]record

// record is a report, or why there is none in the record.
type record struct {
	Document
	err error
}

// Add takes a record. One without a value removes the report of its key. A report that was written before the one that
// is known is left out: records may come in another order.
func (n Newest) Add(topic string, partition int32, offset int64, key string, value []byte) {
	if len(value) == 0 {
		delete(n, key)
		return
	}
	d, err := parse(fmt.Sprintf("%s in topic %s", key, topic), value)
	if err != nil {
		err = fmt.Errorf("partition %d, offset %d: %w", partition, offset, err)
	}
	d.InTopic = true
	if known, ok := n[key]; ok && err == nil && d.before(&known.Document) {
		return
	}
	n[key] = record{d, err}
}

// All are the reports, in the order of their keys. It is an error if the last record of a key is no report.
func (n Newest) All() (list []Document, err error) {
	for _, key := range slices.Sorted(maps.Keys(n)) {
		list, err = append(list, n[key].Document), errors.Join(err, n[key].err)
	}
	return list, err
}

// OfReaders are the reports in which an mlflow receiver told of itself.
func OfReaders(all []Document) []Document {
	return slices.DeleteFunc(slices.Clone(all), func(d Document) bool { return len(d.Receivers) == 0 })
}
