// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

import (
	"cmp"
	"slices"
	"sort"
	"sync"
)

// AppendCanonical appends text re-written as json.dumps(json.loads(text), ensure_ascii=False):
// separators ", " and ": ", canonical numbers and strings, of members with the same key the last
// value at the place of the first. With sorted, the members of every object are in ascending order
// of their keys. It does not recurse, and its time is linear in the length of the text (but for the
// sorting). When text is not valid, dst is returned as it was.
func AppendCanonical(dst, text []byte, sorted bool) ([]byte, error) {
	return appendCanonical(dst, text, sorted, AppendNumber)
}

// AppendCanonicalFloats is AppendCanonical for texts whose numbers are all floats: 5 becomes 5.0.
func AppendCanonicalFloats(dst, text []byte, sorted bool) ([]byte, error) {
	return appendCanonical(dst, text, sorted, func(dst, num []byte) []byte { return AppendFloat(dst, Float64(num)) })
}

func appendCanonical(dst, text []byte, sorted bool, number func(dst, num []byte) []byte) ([]byte, error) {
	c := canonicals.Get().(*canonical)
	defer c.release()
	c.Scanner, c.out, c.sorted, c.number = NewScanner(text), slices.Grow(dst, len(text)), sorted, number
	c.value()
	c.End()
	if c.err != nil {
		return dst, c.err
	}
	if len(c.moves) > 0 {
		c.rearrange(len(dst))
	}
	return c.out, nil
}

// canonical writes values in the order of the text. Objects whose members have to move are noted
// and put in order by a second pass over the output, so that nested ones are not copied once for
// each level.
type canonical struct {
	Scanner
	out     []byte
	sorted  bool
	number  func(dst, num []byte) []byte
	scratch []byte

	kinds   nesting  // of all open containers
	open    []object // the objects among them, the innermost last
	members []member // of all open objects, the innermost last
	moves   []move
}

// canonicals are kept for the next text with the memory that they have for what is open.
var canonicals = sync.Pool{New: func() any { return &canonical{} }}

// release forgets the text and what was made of it.
func (c *canonical) release() {
	const most = 1024 // members whose memory is worth keeping
	kept := canonical{open: c.open[:0], members: c.members[:0], scratch: c.scratch[:0]}
	if cap(kept.members) > most || cap(kept.open) > most || cap(kept.scratch) > 64*most {
		kept = canonical{}
	}
	clear(kept.members[:cap(kept.members)])
	*c = kept
	canonicals.Put(c)
}

type object struct {
	start   int // offset of its bracket in out
	members int // index of its first member
}

// member is a member of an object: its key, and where "key": value lies in out.
type member struct {
	key        string
	start, end int
}

// move says that the object at out[start:end] consists of the given members, in this order.
type move struct {
	start, end int
	members    []member
}

func (c *canonical) value() {
	for {
		switch k := c.Kind(); k {
		case KindObject, KindArray:
			c.Open(k)
			c.kinds.push(k)
			if k == KindObject {
				c.open = append(c.open, object{start: len(c.out), members: len(c.members)})
			}
			c.out = append(c.out, bracket(k))
		case KindString:
			c.string()
		case KindNumber:
			c.out = c.number(c.out, c.Num())
		default:
			start := c.pos
			c.skipScalar(k)
			if c.err == nil {
				c.out = append(c.out, c.text[start:c.pos]...)
			}
		}
		if !c.following() {
			return
		}
	}
}

// following writes what stands before the next value, closing what ends here, and reports whether
// there is one.
func (c *canonical) following() bool {
	for c.kinds.depth > 0 && c.err == nil {
		first := c.fresh
		if !c.kinds.object() {
			if c.NextElement() {
				if !first {
					c.out = append(c.out, ", "...)
				}
				return c.err == nil
			}
			c.out = append(c.out, ']')
		} else {
			if !first {
				c.members[len(c.members)-1].end = len(c.out)
			}
			if c.NextMember() {
				if !first {
					c.out = append(c.out, ", "...)
				}
				m := member{start: len(c.out), key: c.KeyString()}
				c.out = AppendString(c.out, m.key)
				c.out = append(c.out, ": "...)
				c.members = append(c.members, m)
				return c.err == nil
			}
			c.out = append(c.out, '}')
			c.close(c.open[len(c.open)-1])
			c.open = c.open[:len(c.open)-1]
		}
		c.kinds.pop()
	}
	return false
}

func bracket(k Kind) byte {
	if k == KindObject {
		return '{'
	}
	return '['
}

func (c *canonical) string() {
	raw, escaped, valid := c.body()
	if !escaped && valid {
		c.out = append(c.out, '"')
		c.out = append(c.out, raw...)
		c.out = append(c.out, '"')
		return
	}
	c.scratch = appendUnescaped(c.scratch[:0], raw, valid)
	c.out = AppendString(c.out, c.scratch)
}

// close notes the object that was just written if its members are not in their final order.
func (c *canonical) close(top object) {
	written := c.members[top.members:]
	final := unique(written)
	if c.sorted && !slices.IsSortedFunc(final, byKey) {
		if len(final) == len(written) {
			final = slices.Clone(final)
		}
		slices.SortFunc(final, byKey)
	} else if len(final) == len(written) {
		final = nil
	}
	if final != nil {
		c.moves = append(c.moves, move{start: top.start, end: len(c.out), members: final})
	}
	c.members = c.members[:top.members]
}

func byKey(a, b member) int { return cmp.Compare(a.key, b.key) }

// fewKeys is the number of keys up to which comparing each with each is faster than a map.
const fewKeys = 16

// unique returns members itself if all keys differ, else a list in which each key has its last
// value at its first place.
func unique(members []member) []member {
	if len(members) <= fewKeys {
		for i := range members {
			for j := range i {
				if members[j].key == members[i].key {
					return lastAtFirst(members)
				}
			}
		}
		return members
	}
	seen := make(map[string]struct{}, len(members))
	for i := range members {
		seen[members[i].key] = struct{}{}
	}
	if len(seen) == len(members) {
		return members
	}
	return lastAtFirst(members)
}

func lastAtFirst(members []member) []member {
	place := make(map[string]int, len(members))
	kept := make([]member, 0, len(members))
	for _, m := range members {
		if i, ok := place[m.key]; ok {
			kept[i] = m
			continue
		}
		place[m.key] = len(kept)
		kept = append(kept, m)
	}
	return kept
}

// rearrange writes out[base:] anew with the members of the noted objects in their final order.
func (c *canonical) rearrange(base int) {
	from := slices.Clone(c.out[base:])
	out := c.out[:base]
	slices.SortFunc(c.moves, func(a, b move) int { return cmp.Compare(a.start, b.start) })
	// A job is a stretch of text or an object whose remaining members are to be written.
	type job struct {
		start, end int
		object     bool
		members    []member
	}
	jobs := []job{{start: base, end: base + len(from)}}
	for len(jobs) > 0 {
		top := &jobs[len(jobs)-1]
		if top.object {
			if len(top.members) == 0 {
				out = append(out, '}')
				jobs = jobs[:len(jobs)-1]
				continue
			}
			if out[len(out)-1] != '{' {
				out = append(out, ", "...)
			}
			m := top.members[0]
			top.members = top.members[1:]
			jobs = append(jobs, job{start: m.start, end: m.end})
			continue
		}
		i := sort.Search(len(c.moves), func(i int) bool { return c.moves[i].start >= top.start })
		if i == len(c.moves) || c.moves[i].start >= top.end {
			out = append(out, from[top.start-base:top.end-base]...)
			jobs = jobs[:len(jobs)-1]
			continue
		}
		m := c.moves[i]
		out = append(out, from[top.start-base:m.start+1-base]...)
		top.start = m.end
		jobs = append(jobs, job{object: true, members: m.members})
	}
	c.out = out
}
