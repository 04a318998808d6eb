package dbsql

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

func convertValue(v any, from, to Type) (any, bool) {
	if from.Kind == "VARIANT" {
		s, _ := v.(string)
		doc, err := document(s)
		if err != nil {
			return nil, false
		}
		return fromVariant(doc, to)
	}
	if to.Kind == "VARIANT" {
		return string(AppendJSON(nil, inJSON(v, from))), true
	}
	switch x := v.(type) {
	case string:
		if to.Kind == "STRING" {
			return x, true
		}
		return fromString(strings.TrimSpace(x), to)
	case int64:
		switch from.Kind {
		case "BOOLEAN":
			if to.Kind == "STRING" {
				return strconv.FormatBool(x != 0), true
			}
		case "TIMESTAMP":
			return fromTimestamp(x, to)
		case "DATE":
			if to.Kind == "STRING" {
				return formatDate(x), true
			}
			return x, to.Kind == "DATE"
		}
		return fromInteger(x, to)
	case float64:
		if to.Kind != "STRING" {
			return fromFloat(x, to)
		}
		if from.Kind == "DECIMAL" {
			return strconv.FormatFloat(x, 'f', from.Scale, 64), true
		}
		return javaDouble(x), true
	}
	return nil, false
}

// inJSON is a value of SQLite as JSON holds it: booleans and times are not numbers any more, nested values and variants are no text.
func inJSON(v any, t Type) any {
	switch x := v.(type) {
	case int64:
		switch t.Kind {
		case "BOOLEAN":
			return x != 0
		case "TIMESTAMP":
			return time.UnixMicro(x).UTC().Format("2006-01-02T15:04:05.000000Z")
		case "DATE":
			return formatDate(x)
		}
	case float64:
		if t.Kind == "DECIMAL" {
			return json.Number(strconv.FormatFloat(x, 'f', t.Scale, 64))
		}
	case string:
		if t.nested() || t.Kind == "VARIANT" {
			doc, err := document(x)
			if err == nil {
				return doc
			}
		}
	}
	return v
}

func fromVariant(doc any, to Type) (any, bool) {
	if to.Kind == "VARIANT" {
		return string(AppendJSON(nil, doc)), true
	}
	switch x := doc.(type) {
	case nil:
		return nil, true
	case string:
		if to.Kind == "STRING" {
			return x, true
		}
		return fromString(strings.TrimSpace(x), to)
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		if to.Kind == "STRING" {
			return strconv.FormatBool(x), true
		}
		return fromInteger(n, to)
	case int64:
		return fromInteger(x, to)
	case float64:
		if to.Kind == "STRING" {
			return javaDouble(x), true
		}
		return fromFloat(x, to)
	}
	if to.Kind == "STRING" {
		return string(AppendJSON(nil, doc)), true
	}
	v, ok := nestedFrom(doc, to)
	if !ok {
		return nil, false
	}
	return string(AppendJSON(nil, v)), true
}

// fromVariantTo says what variants can be cast to.
func fromVariantTo(t Type) bool {
	return t.scalar() || t.Kind == "STRING" || t.Kind == "VARIANT" || t.Kind == "ARRAY" && fromVariantTo(*t.Elem) ||
		t.Kind == "MAP" && t.Key.Kind == "STRING" && fromVariantTo(*t.Elem)
}

// nestedFrom casts the elements of an array or object.
func nestedFrom(doc any, to Type) (any, bool) {
	if to.Elem == nil {
		return nil, false
	}
	one := func(v any) (any, bool) {
		x, ok := fromVariant(v, *to.Elem)
		return inJSON(x, *to.Elem), ok
	}
	switch x := doc.(type) {
	case []any:
		out := make([]any, len(x))
		for i := range x {
			var ok bool
			if out[i], ok = one(x[i]); !ok {
				return nil, false
			}
		}
		return out, to.Kind == "ARRAY"
	case map[string]any:
		out := make(map[string]any, len(x))
		for k := range x {
			var ok bool
			if out[k], ok = one(x[k]); !ok {
				return nil, false
			}
		}
		return out, to.Kind == "MAP"
	}
	return nil, false
}

// fromVariantText is a scalar of JSON as a key of a map.
func fromVariantText(v any) (string, bool) {
	x, ok := fromVariant(v, String)
	s, isText := x.(string)
	return s, ok && isText
}

func fromString(s string, to Type) (any, bool) {
	switch {
	case to.integer():
		n, err := strconv.ParseInt(s, 10, to.bits())
		return n, err == nil
	case to.numeric():
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || strings.ContainsAny(s, "xXpP_") {
			return nil, false
		}
		return fromFloat(f, to)
	case to.Kind == "BOOLEAN":
		switch strings.ToLower(s) {
		case "t", "true", "y", "yes", "1":
			return int64(1), true
		case "f", "false", "n", "no", "0":
			return int64(0), true
		}
	case to.Kind == "TIMESTAMP":
		t, ok := parseTimestamp(s)
		return t.UnixMicro(), ok
	case to.Kind == "DATE":
		t, ok := parseTimestamp(s)
		return days(t), ok
	}
	return nil, false
}

func fromInteger(n int64, to Type) (any, bool) {
	switch {
	case to.integer():
		bits := to.bits()
		return n, bits == 64 || n >= -1<<(bits-1) && n < 1<<(bits-1)
	case to.numeric():
		return fromFloat(float64(n), to)
	case to.Kind == "BOOLEAN":
		if n != 0 {
			n = 1
		}
		return n, true
	case to.Kind == "STRING":
		return strconv.FormatInt(n, 10), true
	case to.Kind == "TIMESTAMP": // seconds
		return n * 1e6, n <= math.MaxInt64/1000000 && n >= math.MinInt64/1000000
	}
	return nil, false
}

func fromFloat(f float64, to Type) (any, bool) {
	switch {
	case to.float():
		return f, true
	case to.Kind == "DECIMAL":
		scale := math.Pow10(to.Scale)
		r := math.Round(f*scale) / scale
		return r, !math.IsNaN(f) && math.Abs(r) < math.Pow10(to.Precision-to.Scale)
	case to.integer():
		t := math.Trunc(f)
		if math.IsNaN(f) || t < -9.223372036854776e18 || t >= 9.223372036854776e18 {
			return nil, false
		}
		return fromInteger(int64(t), to)
	case to.Kind == "BOOLEAN":
		if f != 0 {
			return int64(1), true
		}
		return int64(0), true
	case to.Kind == "TIMESTAMP":
		return int64(f * 1e6), !math.IsNaN(f) && math.Abs(f) < 9e12
	}
	return nil, false
}

func fromTimestamp(micros int64, to Type) (any, bool) {
	switch {
	case to.Kind == "TIMESTAMP":
		return micros, true
	case to.Kind == "STRING":
		return formatTimestamp(micros), true
	case to.Kind == "DATE":
		return days(time.UnixMicro(micros).UTC()), true
	case to.integer():
		return fromInteger(int64(math.Floor(float64(micros)/1e6)), to)
	}
	return fromFloat(float64(micros)/1e6, to)
}

func days(t time.Time) int64 {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
}

func formatDate(n int64) string { return time.Unix(n*86400, 0).UTC().Format("2006-01-02") }

// formatTimestamp is CAST(ts AS STRING) in UTC.
func formatTimestamp(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
}

// parseTimestamp reads what CAST takes: a date, then a time, then a zone; the session's zone is UTC.
func parseTimestamp(s string) (time.Time, bool) {
	for _, layout := range []string{
		"2006-1-2T15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999Z07:00", "2006-1-2T15:4:5.999999999", "2006-1-2 " +
			"15:4:5.999999999", "2006-1-2T15:4:5.999999999-07:00",
		"2006-1-2 15:4:5.999999999 MST", "2006-1-2T15:4", "2006-1-2 15:4", "2006-1-2", "2006-1", "2006",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Microsecond), true
		}
	}
	return time.Time{}, false
}
