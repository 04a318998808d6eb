// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package drain waits until a consumer group has committed what a topic held at one moment, and notes what expired
// before the group is known to have read it.
package drain

import (
	"fmt"
	"maps"
	"slices"
)

// Look is what a cluster says of a topic and a group, by partition, asked for in the order of the fields. A partition
// without a commit is not in Committed.
type Look struct {
	Start, Committed, End map[int32]int64
	// Owners are the members that have partitions, with the host that each is at; Members is how many read the topic.
	Owners  map[int32]string
	Members int
}

// State is how much of a topic a group has committed. Numbers are records.
type State struct {
	Partitions []Partition `json:"partitions"`
	Records    int64       `json:"records"`   // written until the mark
	Committed  int64       `json:"committed"` // of these
	Members    int         `json:"-"`
	Problems   []string    `json:"-"`
}

// Partition is the part of one partition.
type Partition struct {
	Partition int32 `json:"partition"`
	// Start is the offset of the first record that is left, Mark the end offset once the last reader had ended,
	// Committed what the group has committed; records before Committed are delivered.
	Start     int64 `json:"log_start_offset"`
	Mark      int64 `json:"end_offset"`
	Committed int64 `json:"committed_offset"`
	// Expired records were deleted before the group had read them. Of Unknown records, which were deleted before the
	// first look, nothing tells whether it had.
	Expired int64 `json:"expired_unread,omitempty"`
	Unknown int64 `json:"deleted_unseen,omitempty"`

	end   int64 // at the last look
	owner string
}

// Unknown is how many records were deleted of which nothing tells whether the group had read them.
func (s *State) Unknown() (n int64) {
	for _, p := range s.Partitions {
		n += p.Unknown
	}
	return n
}

// Drained reports whether everything up to the mark is committed.
func (s *State) Drained() bool { return s.Records == s.Committed }

// newState begins with the end offsets.
func newState(ends map[int32]int64) *State {
	s := &State{}
	for _, n := range slices.Sorted(maps.Keys(ends)) {
		s.Partitions = append(s.Partitions, Partition{Partition: n, Mark: ends[n]})
		s.Records += ends[n]
	}
	return s
}

// take notes what a look says, and reports whether the group has committed more than before.
func (s *State) take(l Look, first bool) (moved bool) {
	s.Members = l.Members
	before := s.Committed
	s.Committed = 0
	for i := range s.Partitions {
		p := &s.Partitions[i]
		start, committed := min(l.Start[p.Partition], p.Mark), l.Committed[p.Partition]
		switch {
		case first && start > committed:
			p.Expired = start - committed
		case first:
			p.Unknown = start
		default:
			// What is deleted now had been committed at the look before, or nothing tells that it was read.
			p.Expired += max(0, start-max(p.Start, p.Committed))
		}
		p.Start, p.Committed, p.end = l.Start[p.Partition], committed, l.End[p.Partition]
		p.owner = l.Owners[p.Partition]
		s.Committed += min(committed, p.Mark)
	}
	return s.Committed > before
}

// conclude writes the problems. stalled says for how long nothing has moved; empty when everything is committed.
func (s *State) conclude(topic, group, stalled string) {
	for _, p := range s.Partitions {
		problem := func(format string, args ...any) {
			s.Problems = append(s.Problems, fmt.Sprintf("partition %d of topic %s", p.Partition, topic)+
				fmt.Sprintf(format, args...))
		}
		if p.Expired > 0 {
			problem(": %d records expired before group %s had read them", p.Expired, group)
		}
		if p.Committed > p.end {
			problem(" ends at offset %d, and group %s has committed %d: the topic was made again since the group "+
				"read it", p.end, group, p.Committed)
		}
		lag := p.Mark - p.Committed
		if lag <= 0 || stalled == "" {
			continue
		}
		why := "no member of the group has it"
		if p.owner != "" {
			why = p.owner + " has it: what it holds is refused, or the partition is paused; its log says why"
		}
		problem(": group %s has not committed %d of %d records, and nothing moved for %s; %s", group, lag, p.Mark,
			stalled, why)
	}
}
