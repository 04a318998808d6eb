package dbsql

import (
	"cmp"
	"database/sql/driver"
	"math"
	"math/bits"
	"regexp"
	"strings"
	"sync"
	"time"
)

// arithmeticOf counts with integers of a width and refuses to overflow, as ANSI mode does.
func arithmeticOf(op string, a, b int64, width int) (driver.Value, error) {
	var n int64
	overflow := false
	switch op {
	case "+":
		n = a + b
		overflow = (a > 0) == (b > 0) && (n > 0) != (a > 0) && a != 0 && b != 0
	case "-":
		n = a - b
		overflow = (a >= 0) != (b >= 0) && (n >= 0) != (a >= 0)
	case "*":
		hi, lo := bits.Mul64(magnitude(a), magnitude(b))
		n = a * b
		limit := uint64(math.MaxInt64)
		if (a < 0) != (b < 0) {
			limit++
		}
		overflow = hi != 0 || lo > limit
	case "%":
		if b == 0 {
			return nil, byZero()
		}
		n = a % b
	}
	if overflow || width < 64 && (n < -1<<(width-1) || n >= 1<<(width-1)) {
		return nil, failf("ARITHMETIC_OVERFLOW", "22003",
			"%d %s %d is out of the range of the type. Use 'try_%s' to tolerate overflow and return NULL instead.", a, op, b, map[string]string{"+": "add",
				"-": "subtract", "*": "multiply"}[op])
	}
	return n, nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func byZero() *Error {
	return failf("DIVIDE_BY_ZERO", "22012", "Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead.")
}

func divide(a []driver.Value) (driver.Value, error) {
	if asFloat(a[1]) == 0 {
		return nil, byZero()
	}
	if a[2] == int64(1) {
		return a[0].(int64) / a[1].(int64), nil
	}
	return asFloat(a[0]) / asFloat(a[1]), nil
}

// extremeOf is greatest (sign 1) or least (-1); NULLs do not count.
func extremeOf(a []driver.Value, sign int) driver.Value {
	var best driver.Value
	for _, v := range a {
		if v != nil && (best == nil || compareValues(v, best)*sign > 0) {
			best = v
		}
	}
	return best
}

// compareValues orders values of the same type.
func compareValues(a, b driver.Value) int {
	if x, ok := a.(string); ok {
		y, _ := b.(string)
		return strings.Compare(x, y)
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(asFloat(a), asFloat(b))
}

var expressions sync.Map

func compile(pattern string) (*regexp.Regexp, error) {
	if re, ok := expressions.Load(pattern); ok {
		return re.(*regexp.Regexp), nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, failf("INVALID_PARAMETER_VALUE.PATTERN", "22023", "The value of parameter(s) `regexp` is invalid: '%s'.", pattern)
	}
	expressions.Store(pattern, re)
	return re, nil
}

// like is LIKE, ILIKE and RLIKE.
func like(a []driver.Value) (driver.Value, error) {
	s, pattern, escape, op := a[0].(string), a[1].(string), a[2].(string), a[3].(string)
	if op == "RLIKE" {
		re, err := compile(pattern)
		return truth(err == nil && re.MatchString(s)), err
	}
	var b strings.Builder
	b.WriteString("(?s)")
	if op == "ILIKE" {
		b.WriteString("(?i)")
	}
	b.WriteByte('^')
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case string(r) == escape && i+1 < len(runes):
			i++
			b.WriteString(regexp.QuoteMeta(string(runes[i])))
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteByte('$')
	re, err := compile(b.String())
	return truth(err == nil && re.MatchString(s)), err
}

// substring counts from 1, and from the end if negative.
func substring(a []driver.Value) (driver.Value, error) {
	r := []rune(a[0].(string))
	n := int64(len(r))
	start, end := a[1].(int64), n
	switch {
	case start > 0:
		start--
	case start < 0:
		start += n
	}
	if len(a) == 3 {
		end = start + max(a[2].(int64), 0)
	}
	start, end = min(max(start, 0), n), min(max(end, 0), n)
	if start >= end {
		return "", nil
	}
	return string(r[start:end]), nil
}

func micros(factor int64) func([]driver.Value) (driver.Value, error) {
	return func(a []driver.Value) (driver.Value, error) {
		if f, ok := a[0].(float64); ok {
			return int64(f * float64(factor)), nil
		}
		return arithmeticOf("*", a[0].(int64), factor, 64)
	}
}

func unix(divisor int64) func([]driver.Value) (driver.Value, error) {
	return func(a []driver.Value) (driver.Value, error) {
		n := a[0].(int64)
		q := n / divisor
		if n%divisor < 0 {
			q--
		}
		return q, nil
	}
}

func part(f func(time.Time) int) func([]driver.Value) (driver.Value, error) {
	return func(a []driver.Value) (driver.Value, error) { return int64(f(time.UnixMicro(a[0].(int64)).UTC())), nil }
}

func dateTrunc(a []driver.Value) (driver.Value, error) {
	t := time.UnixMicro(a[1].(int64)).UTC()
	y, m, d := t.Date()
	switch strings.ToUpper(a[0].(string)) {
	case "SECOND":
		t = t.Truncate(time.Second)
	case "MINUTE":
		t = t.Truncate(time.Minute)
	case "HOUR":
		t = t.Truncate(time.Hour)
	case "DAY", "DD":
		t = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	case "WEEK":
		t = time.Date(y, m, d-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
	case "MONTH", "MON", "MM":
		t = time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case "QUARTER":
		t = time.Date(y, (m-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	case "YEAR", "YYYY", "YY":
		t = time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
	default: // Databricks gives NULL for a unit that it does not know
		return nil, nil
	}
	return t.UnixMicro(), nil
}

// dateFormat knows the letters that stand for numbers.
func dateFormat(a []driver.Value) (driver.Value, error) {
	t := time.UnixMicro(a[0].(int64)).UTC()
	out := a[1].(string)
	if regexp.MustCompile(`[A-Za-z]`).MatchString(regexp.MustCompile(`yyyy|MM|dd|HH|mm|ss|SSSSSS|SSS|'T'|'Z'`).ReplaceAllString(out, "")) {
		return nil, unsupported("the date format '%s'", out)
	}
	for _, r := range []struct{ letters, layout string }{
		{"yyyy", "2006"}, {"MM", "01"}, {"dd", "02"}, {"HH", "15"}, {"mm", "04"}, {"SSSSSS", "000000"}, {"SSS", "000"}, {"ss", "05"}, {"'T'", "T"}, {"'Z'", "Z"},
	} {
		value := t.Format(r.layout)
		if strings.HasPrefix(r.layout, "000") {
			value = t.Format("." + r.layout)[1:]
		}
		out = strings.ReplaceAll(out, r.letters, value)
	}
	return out, nil
}

func addMonths(a []driver.Value) (driver.Value, error) {
	t := time.UnixMicro(a[0].(int64)).UTC()
	if a[2] == "DATE" {
		t = time.Unix(a[0].(int64)*86400, 0).UTC()
	}
	y, m, d := t.Date()
	first := time.Date(y, m+time.Month(a[1].(int64)), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	lastDay := first.AddDate(0, 1, -1).Day()
	t = first.AddDate(0, 0, min(d, lastDay)-1)
	if a[2] == "DATE" {
		return days(t), nil
	}
	return t.UnixMicro(), nil
}
