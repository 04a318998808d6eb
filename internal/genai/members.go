// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata"
)

// members builds a pcommon.Map of any width in linear time and keeps the order of the keys. Of
// entries with the same key the last value stays at the place of the first, as in a Python dict.
// The zero value is ready; finish leaves it ready for the next map.
type members struct {
	builder xpdata.MapBuilder
	keys    []string
	index   map[string]int // place of each key, built when there are more than linearKeys
	again   []repeat
}

// repeat is an entry whose key was there before.
type repeat struct{ first, at int }

// fewMembers is the room that a map begins with: most objects of a chat have two to four members.
const fewMembers = 4

// Up to linearKeys comparing beats hashing; above maxKept the memory is given back instead of kept
// for the next map.
const (
	linearKeys = 16
	maxKept    = 1024
)

// find returns the place of key, or -1.
func (m *members) find(key string) int {
	if len(m.keys) <= linearKeys {
		for i, k := range m.keys {
			if k == key {
				return i
			}
		}
		return -1
	}
	if len(m.index) == 0 {
		if m.index == nil {
			m.index = make(map[string]int, 4*linearKeys)
		}
		for i, k := range m.keys {
			if _, ok := m.index[k]; !ok {
				m.index[k] = i
			}
		}
	}
	if i, ok := m.index[key]; ok {
		return i
	}
	return -1
}

// add appends an entry and returns its value, to be written before the next call.
func (m *members) add(key string) pcommon.Value {
	if first := m.find(key); first >= 0 {
		m.again = append(m.again, repeat{first, len(m.keys)})
		return m.append(key)
	}
	return m.addNew(key)
}

// addNew is add for a key that find doesn't find.
func (m *members) addNew(key string) pcommon.Value {
	if len(m.index) > 0 {
		m.index[key] = len(m.keys)
	}
	return m.append(key)
}

func (m *members) append(key string) pcommon.Value {
	if len(m.keys) == 0 { // does nothing if more room was made before
		m.builder.EnsureCapacity(fewMembers)
	}
	m.keys = append(m.keys, key)
	return m.builder.AppendEmpty(key)
}

// finish makes the entries the content of dst.
func (m *members) finish(dst pcommon.Map) {
	m.builder.UnsafeIntoMap(dst)
	if len(m.again) > 0 {
		values := make([]pcommon.Value, 0, len(m.keys))
		for _, v := range dst.All() {
			values = append(values, v)
		}
		for _, r := range m.again {
			values[r.at].MoveTo(values[r.first])
		}
		at := -1
		next := m.again
		dst.RemoveIf(func(string, pcommon.Value) bool {
			at++
			if len(next) == 0 || next[0].at != at {
				return false
			}
			next = next[1:]
			return true
		})
		m.again = m.again[:0]
	}
	if len(m.keys) > maxKept {
		m.keys, m.index, m.again = nil, nil, nil
		return
	}
	clear(m.keys) // they point into the trace
	clear(m.index)
	m.keys = m.keys[:0]
}
