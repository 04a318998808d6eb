// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// HeadName is the name of the part from which the names of the others follow.
const HeadName = "head"

// stored is the head as it is stored, with the starts of the stored buckets.
type stored struct {
	head
	Buckets []int64 `json:"buckets"`
}

// Part is a part of a sum as it is stored. A nil Body is a part that is to be deleted.
type Part struct {
	Name string
	Body []byte
}

// Changes returns the parts that have changed since the last call, and counts them as stored. They are written in
// one transaction.
func (s *Sum) Changes() []Part {
	if !s.dirty {
		return nil
	}
	var list []Part
	starts := make([]int64, 0, len(s.buckets))
	for at, b := range s.buckets {
		starts = append(starts, at)
		if b.dirty {
			b.dirty = false
			list = append(list, Part{bucketName(at), encode(b)})
		}
	}
	for at := range s.stored {
		if s.buckets[at] == nil {
			list = append(list, Part{Name: bucketName(at)})
		}
	}
	s.stored = map[int64]bool{}
	for _, at := range starts {
		s.stored[at] = true
	}
	slices.Sort(starts)
	s.dirty = false
	return append(list, Part{HeadName, encode(stored{s.head, starts})})
}

func bucketName(start int64) string { return strconv.FormatInt(start, 10) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // every field is a plain value, and no number is infinite
	}
	return b
}

// Load reads what Changes returned. read returns the bodies of parts by their names, nil for one that is not there. An
// error says what can't be read; the sum is then empty.
func Load(read func(names []string) ([][]byte, error)) (*Sum, error) {
	bodies, err := read([]string{HeadName})
	if err != nil || bodies[0] == nil {
		return &Sum{}, err
	}
	var h stored
	if err := json.Unmarshal(bodies[0], &h); err != nil {
		return &Sum{}, fmt.Errorf("the sums can't be read: %w", err)
	}
	if h.Step < 0 || h.Step >= len(steps) || len(h.Buckets) > limit(h.Step) {
		return &Sum{}, fmt.Errorf("the sums can't be read: %d buckets of step %d", len(h.Buckets), h.Step)
	}
	names := make([]string, len(h.Buckets))
	for i, at := range h.Buckets {
		names[i] = bucketName(at)
	}
	if bodies, err = read(names); err != nil {
		return &Sum{}, err
	}
	s := &Sum{head: h.head, buckets: map[int64]*bucket{}, stored: map[int64]bool{}}
	if err := s.check(); err != nil {
		return &Sum{}, err
	}
	for i, at := range h.Buckets {
		var b bucket
		if bodies[i] == nil {
			return &Sum{}, fmt.Errorf("the sums can't be read: the bucket of %d is missing", at)
		}
		if err := json.Unmarshal(bodies[i], &b); err != nil {
			return &Sum{}, fmt.Errorf("the sums can't be read: %w", err)
		}
		s.buckets[at], s.stored[at] = &b, true
	}
	return s, nil
}

// check finds entries without a value, which only damage can leave.
func (s *Sum) check() error {
	if hasEmpty(s.Types) || hasEmpty(s.Names) || hasEmpty(s.Experiments) ||
		hasEmpty(s.Scores) || hasEmpty(s.Models) || hasEmpty(s.Tools) {
		return errors.New("the sums can't be read: an entry is empty")
	}
	return nil
}

func hasEmpty[V any](m map[string]*V) bool {
	for _, v := range m {
		if v == nil {
			return true
		}
	}
	return false
}
