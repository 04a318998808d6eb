// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package pyjson

// Rewrite returns text with some of its strings and numbers replaced by strings; everything else,
// white space included, stays as it is to the last byte, and so does the whole when nothing is
// replaced. edit is called in the order of the text with each decoded string, the keys of objects
// included, and with the text of each number, and reports what to put in its place. It does not
// recurse; the result is valid JSON. When text is not valid, it is returned as it was.
func Rewrite(text string, edit func(kind Kind, key bool, value string) (replacement string, replace bool)) (string,
	error) {
	r := rewriter{Scanner: NewScanner(bytesOf(text)), edit: edit}
	r.run()
	r.End()
	if r.err != nil || r.out == nil {
		return text, r.err
	}
	return stringOf(append(r.out, r.text[r.copied:]...)), nil
}

// rewriter copies the text lazily: what lies before copied is in out.
type rewriter struct {
	Scanner
	out    []byte
	copied int
	edit   func(kind Kind, key bool, value string) (string, bool)
	open   nesting
}

func (r *rewriter) run() {
	for {
		switch k := r.Kind(); k {
		case KindObject, KindArray:
			r.Open(k)
			r.open.push(k)
		case KindString:
			r.string(false)
		case KindNumber:
			start := r.pos
			r.offer(k, false, stringOf(r.Num()), start)
		default:
			r.skipScalar(k)
		}
		for { // to the next value, closing what ends here
			if r.err != nil || r.open.depth == 0 {
				return
			}
			if r.open.object() {
				if r.NextMember() {
					r.string(true)
					r.colon()
					break
				}
			} else if r.NextElement() {
				break
			}
			r.open.pop()
		}
	}
}

func (r *rewriter) string(key bool) {
	r.peek()
	start := r.pos
	r.offer(KindString, key, r.Str(), start)
}

// offer shows edit the token that was just read from start on.
func (r *rewriter) offer(k Kind, key bool, value string, start int) {
	if r.err != nil {
		return
	}
	replacement, replace := r.edit(k, key, value)
	if !replace {
		return
	}
	if r.out == nil {
		r.out = make([]byte, 0, len(r.text))
	}
	r.out = append(r.out, r.text[r.copied:start]...)
	r.out = AppendString(r.out, replacement)
	r.copied = r.pos
}
