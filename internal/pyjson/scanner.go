package pyjson

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values. Invalid is the end of the text or anything that no value starts with.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Scanner reads one JSON text from start to end, value by value. It never writes to the text: what it returns points into the text or, for strings with
// escapes, into memory of its own that is never reused, so results stay valid as long as the text does. The first error sticks: from then on every method returns
// its zero value, loops end, and Err says what was wrong and at which byte.
//
//	s := pyjson.NewScanner(text)
//	s.Open(pyjson.Object)
//	for s.NextMember() {
//		switch string(s.Key()) {
//		case "name":
//			name = s.Str()
//		default:
//			s.Skip()
//		}
//	}
//	s.End()
//	err := s.Err()
type Scanner struct {
	text  []byte
	pos   int
	fresh bool // a container was just opened: no comma is due
	arena []byte
	err   error
}

// NewScanner returns a scanner over text.
func NewScanner(text []byte) Scanner { return Scanner{text: text} }

// Kind returns what the next value is, without reading it.
func (s *Scanner) Kind() Kind { panic("missing") }

// Open reads the opening bracket of an Array or Object.
func (s *Scanner) Open(k Kind) { panic("missing") }

// NextMember reports whether another member of the open object follows, reading up to its key, or reads the closing bracket.
func (s *Scanner) NextMember() bool { panic("missing") }

// Key reads the key of the member that NextMember found, and its colon. Compare it as string(s.Key()) or keep it with KeyString.
func (s *Scanner) Key() []byte { panic("missing") }

// NextElement reports whether another element of the open array follows, or reads the closing bracket.
func (s *Scanner) NextElement() bool { panic("missing") }

// Str reads a string and returns its decoded value, valid UTF-8: invalid bytes and lone surrogates become U+FFFD. It points into the text or the scanner's own memory.
func (s *Scanner) Str() string { panic("missing") }

// Bytes is Str for callers that want bytes; they must not be written to.
func (s *Scanner) Bytes() []byte { panic("missing") }

// Num reads a number (NaN, Infinity and -Infinity included) and returns its text.
func (s *Scanner) Num() []byte { panic("missing") }

// Bool reads true or false.
func (s *Scanner) Bool() bool { panic("missing") }

// Null reads null.
func (s *Scanner) Null() { panic("missing") }

// Skip reads any value, however deep, without recursion, checks its syntax and returns its text.
func (s *Scanner) Skip() []byte { panic("missing") }

// End reads trailing space and fails if anything follows.
func (s *Scanner) End() { panic("missing") }

// Err returns the first error: what was expected and at which offset, never the text itself.
func (s *Scanner) Err() error { return s.err }

// Depth returns how deeply containers are nested in the valid text: 0 for a scalar.
func Depth(text []byte) int { panic("missing") }

// Int64 returns the value of a number's text and whether it is an integer (no fraction, no exponent) that fits.
func Int64(num []byte) (int64, bool) { panic("missing") }

// IsInt reports whether a number's text is an integer, of any size.
func IsInt(num []byte) bool { panic("missing") }

// Float64 returns the nearest float of a number's text, as Python's float() does: NaN, ±Inf and overflow to ±Inf included.
func Float64(num []byte) float64 { panic("missing") }
