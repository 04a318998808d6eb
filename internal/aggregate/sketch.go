// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package aggregate

import (
	"encoding/json"
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// Accuracy is the relative error of quantiles.
const Accuracy = 0.01

// bins bounds the memory of a sketch. With the accuracy above they span 17 powers of ten; the lowest values merge where
// there are more.
const bins = 2048

// sketch takes values and gives quantiles of them. The zero sketch is empty. It is written as bytes.
type sketch struct{ *ddsketch.DDSketch }

func newSketch() *ddsketch.DDSketch {
	s, err := ddsketch.LogCollapsingLowestDenseDDSketch(Accuracy, bins)
	if err != nil {
		panic(err) // the accuracy is a constant
	}
	return s
}

// add adds a value n times. What is no number or too large for a sketch is left out.
func (s *sketch) add(v float64, n int64) {
	if s.DDSketch == nil {
		s.DDSketch = newSketch()
	}
	_ = s.AddWithCount(v, float64(n))
}

// merge adds the values of another sketch.
func (s *sketch) merge(o sketch) {
	if o.DDSketch == nil {
		return
	}
	if s.DDSketch == nil {
		s.DDSketch = newSketch()
	}
	if err := s.MergeWith(o.DDSketch); err != nil {
		panic(err) // all have one mapping
	}
}

// quantile is a value of which the share q of all values is not larger; 0 without values.
func (s sketch) quantile(q float64) float64 {
	if s.DDSketch == nil || s.IsEmpty() {
		return 0
	}
	v, err := s.GetValueAtQuantile(q)
	if err != nil {
		return 0
	}
	return v
}

// count is the number of values.
func (s sketch) count() int64 {
	if s.DDSketch == nil {
		return 0
	}
	return int64(s.GetCount())
}

// bytes writes a sketch; an empty one is nil.
func (s sketch) bytes() []byte {
	if s.DDSketch == nil {
		return nil
	}
	var b []byte
	s.Encode(&b, false)
	return b
}

// sketchOf reads what bytes wrote. Stored bytes may be damaged in ways that make the library panic.
func sketchOf(b []byte) (s sketch, err error) {
	if len(b) == 0 {
		return sketch{}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			s, err = sketch{}, fmt.Errorf("a sketch can't be read: %v", p)
		}
	}()
	provider := func() store.Store { return store.NewCollapsingLowestDenseStore(bins) }
	d, err := ddsketch.DecodeDDSketch(b, provider, nil)
	if err != nil {
		return sketch{}, fmt.Errorf("a sketch can't be read: %w", err)
	}
	own := newSketch()
	if err := own.MergeWith(d); err != nil {
		return sketch{}, fmt.Errorf("a sketch can't be read: %w", err)
	}
	return sketch{own}, nil
}

// MarshalJSON writes the bytes of the sketch in base64.
func (s sketch) MarshalJSON() ([]byte, error) { return json.Marshal(s.bytes()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *sketch) UnmarshalJSON(b []byte) error {
	var raw []byte
	err := json.Unmarshal(b, &raw)
	if err == nil {
		*s, err = sketchOf(raw)
	}
	return err
}
