// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

// nesting remembers for each open container whether it is an object, one bit each.
type nesting struct {
	depth int
	first uint64
	more  []uint64
}

func (n *nesting) push(k Kind) {
	word := &n.first
	if n.depth >= 64 {
		i := n.depth/64 - 1
		if i == len(n.more) {
			n.more = append(n.more, 0)
		}
		word = &n.more[i]
	}
	bit := uint64(1) << (n.depth % 64)
	*word &^= bit
	if k == KindObject {
		*word |= bit
	}
	n.depth++
}

func (n *nesting) pop() { n.depth-- }

// object reports whether the innermost open container is an object.
func (n *nesting) object() bool {
	top := n.depth - 1
	word := n.first
	if top >= 64 {
		word = n.more[top/64-1]
	}
	return word>>(top%64)&1 == 1
}
