// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivered

import (
	"context"
	"slices"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// Import takes over the days of another set that keep names: what was delivered of them and what was
// listed. A day that is here already is replaced. The storage of the other set is only read. write puts
// changes into the storage; it is called so often that few chunks are held in memory. It returns the days
// that were taken over.
//
// An import that was cut off can be made again.
func (s *Set) Import(ctx context.Context, from *Set, keep func(mlflow.Day) bool,
	write func(*Changes) error) ([]Day, error) {
	days, err := from.Days(ctx)
	if err != nil {
		return nil, err
	}
	var taken []Day
	for i := range days {
		if !keep(days[i].Date) {
			continue
		}
		d, err := s.importDay(ctx, from, days[i].Date, write)
		if err != nil {
			return nil, err
		}
		taken = append(taken, d)
	}
	s.mu.Lock()
	for _, r := range from.Listed() {
		for d := r.From; d < r.To; d++ {
			if keep(d) {
				s.index.listed = s.index.listed.add(Range{d, d + 1})
			}
		}
	}
	s.index.changed = true
	s.mu.Unlock()
	return taken, s.flush(write)
}

// importDay takes over a day of another set.
func (s *Set) importDay(ctx context.Context, from *Set, date mlflow.Day, write func(*Changes) error) (Day, error) {
	s.mu.Lock()
	err := s.loadMonths(ctx, []Month{monthOf(date)})
	s.mu.Unlock()
	if err != nil {
		return Day{}, err
	}
	from.mu.Lock()
	chunks := len(from.day(date).chunks)
	from.mu.Unlock()
	var places []place
	for k := range chunks {
		places = append(places, place{date, k})
	}
	for part := range slices.Chunk(places, batchGets) {
		if err := s.importChunks(ctx, from, part); err != nil {
			return Day{}, err
		}
		if err := s.flush(write); err != nil {
			return Day{}, err
		}
	}
	from.mu.Lock() // after its chunks were read: damaged ones change it
	d := *from.day(date)
	d.chunks = slices.Clone(d.chunks)
	from.mu.Unlock()
	s.mu.Lock()
	d.epoch, d.restart = s.index.epoch, false
	s.change(&d)
	s.mu.Unlock()
	return d.Day, s.flush(write)
}

// importChunks takes over chunks of another set, at most batchGets.
func (s *Set) importChunks(ctx context.Context, from *Set, places []place) error {
	from.mu.Lock()
	defer from.mu.Unlock()
	if err := from.load(ctx, places); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range places {
		k := from.chunks[p]
		s.chunks[p] = &chunk{
			entries: slices.Clone(k.entries), digests: slices.Clone(k.digests), ids: state{changed: true},
			late: state{changed: from.day(p.day).digests},
		}
	}
	return nil
}

// flush writes what has changed.
func (s *Set) flush(write func(*Changes) error) error {
	if err := write(s.Changes()); err != nil {
		return err
	}
	s.Applied()
	return nil
}
