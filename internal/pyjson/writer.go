package pyjson

// AppendString appends s as a JSON string, as json.dumps(s, ensure_ascii=False) writes it: only ", \ and characters below 0x20 are escaped.
func AppendString[T string | []byte](dst []byte, s T) []byte { panic("missing") }

// AppendFloat appends f as Python's json.dumps writes it: repr with a ".0" for integral values, exponents as Python spells them, NaN, Infinity, -Infinity.
func AppendFloat(dst []byte, f float64) []byte { panic("missing") }

// AppendCanonical appends text re-written as json.dumps(json.loads(text), ensure_ascii=False): separators ", " and ": ", canonical numbers and strings, of
// members with the same key the last value at the place of the first. With sorted, the members of every object are in ascending order of their keys.
func AppendCanonical(dst, text []byte, sorted bool) ([]byte, error) { panic("missing") }
