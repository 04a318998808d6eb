package pyjson

import "slices"

// AppendRewritten appends text with some of its strings and numbers replaced; everything else, white space included, stays as it is to the last byte. edit is
// called in the order of the text with each decoded string, the keys of objects included, and with the text of each number; when it reports true, its
// replacement is written as a string. It does not recurse, and the result is valid JSON. When text is not valid, dst is returned as it was.
func AppendRewritten(dst, text []byte, edit func(kind Kind, key bool, value []byte) (replacement string, replace bool)) ([]byte, error) {
	r := rewriter{Scanner: NewScanner(text), out: slices.Grow(dst, len(text)), edit: edit}
	r.run()
	r.End()
	if r.err != nil {
		return dst, r.err
	}
	return append(r.out, text[r.copied:]...), nil
}

// rewriter copies the text lazily: what lies before copied is in out.
type rewriter struct {
	Scanner
	out     []byte
	copied  int
	scratch []byte
	edit    func(kind Kind, key bool, value []byte) (string, bool)
	open    nesting
}

func (r *rewriter) run() {
	for {
		switch k := r.Kind(); k {
		case Object, Array:
			r.Open(k)
			r.open.push(k)
		case String:
			r.string(false)
		case Number:
			start := r.pos
			num := r.Num()
			r.offer(k, false, num, start)
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
	value, escaped, valid := r.body()
	if escaped || !valid {
		r.scratch = appendUnescaped(r.scratch[:0], value, valid)
		value = r.scratch
	}
	r.offer(String, key, value, start)
}

// offer shows edit the token that was just read from start on.
func (r *rewriter) offer(k Kind, key bool, value []byte, start int) {
	if r.err != nil {
		return
	}
	replacement, replace := r.edit(k, key, value)
	if !replace {
		return
	}
	r.out = append(r.out, r.text[r.copied:start]...)
	r.out = AppendString(r.out, replacement)
	r.copied = r.pos
}
