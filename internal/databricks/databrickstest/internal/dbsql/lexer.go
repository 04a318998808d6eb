package dbsql

import (
	"strings"
	"unicode/utf8"
)

type kind int

const (
	end kind = iota
	word
	quoted // an identifier in backticks
	number
	text
	symbol
)

type token struct {
	kind kind
	text string // of strings and quoted identifiers: the content
	pos  int
}

var symbols = []string{"<=>", "::", "<>", "!=", "<=", ">=", "==", "||", "->", "=>"}

// lex splits a statement. Strings take backslash escapes. A doubled quote is none: as on the server, strings that follow each other are one, so 'a”b' is ab.
func lex(s string) ([]token, error) {
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case strings.HasPrefix(s[i:], "--"):
			for i < len(s) && s[i] != '\n' {
				i++
			}
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return nil, syntax(s, i)
			}
			i += n + 4
		case c == '\'' || c == '"':
			content, n, ok := lexString(s[i:])
			if !ok {
				return nil, syntax(s, i)
			}
			i += n
			if n := len(out); n > 0 && out[n-1].kind == text {
				out[n-1].text += content
				continue
			}
			out = append(out, token{text, content, start})
		case c == '`':
			content, n, ok := lexQuoted(s[i:])
			if !ok {
				return nil, syntax(s, i)
			}
			i += n
			out = append(out, token{quoted, content, start})
		case isDigit(c) || c == '.' && i+1 < len(s) && isDigit(s[i+1]) && !afterOperand(out, i):
			i += lexNumber(s[i:])
			out = append(out, token{number, s[start:i], start})
		case isLetter(c):
			for i < len(s) && (isLetter(s[i]) || isDigit(s[i])) {
				i++
			}
			out = append(out, token{word, s[start:i], start})
		default:
			sym := s[i : i+1]
			for _, candidate := range symbols {
				if strings.HasPrefix(s[i:], candidate) {
					sym = candidate
					break
				}
			}
			if !strings.Contains("+-*/%=<>|&^~:.,()[]{};!", sym[:1]) {
				return nil, syntax(s, i)
			}
			i += len(sym)
			out = append(out, token{symbol, sym, start})
		}
	}
	return append(out, token{kind: end, pos: len(s)}), nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// afterOperand tells a.5 (no number) from .5.
func afterOperand(out []token, i int) bool {
	if len(out) == 0 {
		return false
	}
	last := out[len(out)-1]
	return (last.kind == word || last.kind == quoted) && last.pos+len(last.text) <= i
}

func lexString(s string) (string, int, bool) {
	var b strings.Builder
	for i := 1; i < len(s); {
		switch {
		case s[i] == s[0]:
			return b.String(), i + 1, true
		case s[i] == '\\' && i+1 < len(s):
			switch s[i+1] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case '0':
				b.WriteByte(0)
			case 'b':
				b.WriteByte('\b')
			case '%', '_': // stay escaped, for LIKE
				b.WriteString(s[i : i+2])
			default:
				b.WriteByte(s[i+1])
			}
			i += 2
		default:
			_, n := utf8.DecodeRuneInString(s[i:])
			b.WriteString(s[i : i+n])
			i += n
		}
	}
	return "", 0, false
}

func lexQuoted(s string) (string, int, bool) {
	for i := 1; i < len(s); i++ {
		if s[i] != '`' {
			continue
		}
		if i+1 < len(s) && s[i+1] == '`' {
			i++
			continue
		}
		return strings.ReplaceAll(s[1:i], "``", "`"), i + 1, i > 1
	}
	return "", 0, false
}

// lexNumber takes digits, a fraction, an exponent and the suffix of a type.
func lexNumber(s string) int {
	i := 0
	digits := func() {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
	}
	digits()
	if i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if j < len(s) && isDigit(s[j]) {
			i = j
			digits()
		}
	}
	for i < len(s) && isLetter(s[i]) {
		i++
	}
	return i
}

// syntax is the error for what can't be read at a place.
func syntax(s string, pos int) *Error {
	near := "end of input"
	if pos < len(s) {
		word := strings.Fields(s[pos:])
		if len(word) > 0 {
			near = "'" + word[0] + "'"
		}
	}
	line := strings.Count(s[:pos], "\n")
	return failf("PARSE_SYNTAX_ERROR", "42601", "Syntax error at or near %s: line %d, pos %d.", near, line+1, pos-strings.LastIndexByte(s[:pos], '\n')-1)
}
