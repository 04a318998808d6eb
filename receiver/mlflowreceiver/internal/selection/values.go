// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package selection holds what a user selects: times, tolerances and experiments, with the forms in
// which people write them.
package selection

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"
)

// Time is a point in time that a user wrote: RFC 3339, a date, or relative to now (-90d). The zero
// Time is "not set".
type Time struct {
	at   time.Time
	back time.Duration // before now, for a relative time
	text string
}

var relative = regexp.MustCompile(`^-(\d+)([smhdw])$`)

var units = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	"w": 7 * 24 * time.Hour}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	*t = Time{text: s}
	if s == "" {
		return nil
	}
	if m := relative.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 32)
		if err == nil {
			t.back = time.Duration(n) * units[m[2]]
			if t.back > 0 && t.back/units[m[2]] == time.Duration(n) {
				return nil
			}
		}
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		at, err := time.Parse(layout, s)
		if err == nil && at.Unix() >= 0 {
			t.at = at
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write RFC 3339 (2026-03-01T00:00:00Z), a date (2026-03-01), or a time back "+
		"from now in s, m, h, d or w (-90d)", s)
}

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// String returns the time as it was written.
func (t Time) String() string { return t.text }

// IsZero reports whether no time was written.
func (t Time) IsZero() bool { return t.text == "" }

// IsRelative reports whether the time moves with now.
func (t Time) IsRelative() bool { return t.back > 0 }

// Millis returns the time in Unix milliseconds, as seen from now; 0 when none was written.
func (t Time) Millis(now time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.IsRelative():
		return max(now.Add(-t.back).UnixMilli(), 0)
	default:
		return t.at.UnixMilli()
	}
}

// Before reports whether t lies before o, as seen from now.
func (t Time) Before(o Time, now time.Time) bool { return t.Millis(now) < o.Millis(now) }

// Tolerance is a number of traces, written as a number, as a percentage of those that were read, or
// as both: "1% or 3", of which the larger one counts. The zero Tolerance allows none.
type Tolerance struct {
	share  float64 // 0 to 1
	number int64
	text   string
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Tolerance) UnmarshalText(b []byte) error {
	text := strings.Join(strings.Fields(string(b)), " ")
	mistake := fmt.Errorf("%q is neither a number of traces nor a percentage; write 3, 1%% or \"1%% or 3\"", text)
	parsed := Tolerance{text: text}
	parts := strings.Split(text, " or ")
	if len(parts) > 2 {
		return mistake
	}
	var shares, numbers int
	for _, part := range parts {
		if percent, ok := strings.CutSuffix(part, "%"); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
			if err != nil || !(v >= 0 && v <= 100) {
				return mistake
			}
			parsed.share = v / 100
			shares++
			continue
		}
		v, err := strconv.ParseInt(part, 10, 64)
		if err != nil || v < 0 {
			return mistake
		}
		parsed.number = v
		numbers++
	}
	if shares > 1 || numbers > 1 {
		return mistake
	}
	*t = parsed
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (t Tolerance) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String returns the tolerance as it was written.
func (t Tolerance) String() string {
	if t.text != "" {
		return t.text
	}
	return strconv.FormatInt(t.number, 10)
}

// Of is the number of traces that is allowed when so many were read.
func (t Tolerance) Of(read int64) int64 { return max(int64(t.share*float64(read)), t.number) }

// Recheck is how many recent days are listed again, written as 7d, or all of them. The zero Recheck
// is none.
type Recheck struct {
	days int
	all  bool
}

// RecheckDays is a Recheck of a number of days.
func RecheckDays(n int) Recheck { return Recheck{days: n} }

// Days is the number of days.
func (r Recheck) Days() int { return r.days }

// All reports whether everything is listed again.
func (r Recheck) All() bool { return r.all }

// longestRecheck keeps the number of days within what a time can hold.
const longestRecheck = 100_000

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Recheck) UnmarshalText(b []byte) error {
	text := strings.TrimSpace(string(b))
	if text == "all" || text == "0" {
		*r = Recheck{all: text == "all"}
		return nil
	}
	number, inDays := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(number)
	if err != nil || !inDays || n < 0 || n > longestRecheck {
		return fmt.Errorf("%q is not a number of days; write 7d, 0 or all", text)
	}
	*r = Recheck{days: n}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (r Recheck) MarshalText() ([]byte, error) {
	if r.all {
		return []byte("all"), nil
	}
	return []byte(strconv.Itoa(r.days) + "d"), nil
}

// Normalize rewrites, in place, values that YAML reads as something else than text although users
// mean text: numbers as experiment ids, dates and timestamps without quotes, a tolerance that is a
// number. What can't be meant names the key and the accepted forms.
func Normalize(conf *confmap.Conf) error {
	patch := map[string]any{}
	for _, key := range []string{"start_time", "end_time"} {
		switch v := conf.Get(key).(type) {
		case time.Time:
			patch[key] = v.Format(time.RFC3339Nano)
		case nil, string:
		default:
			return fmt.Errorf("%s: %v is not a time; write RFC 3339 (2026-03-01T00:00:00Z), a date (2026-03-01), or "+
				"a time back from now (-90d)", key, v)
		}
	}
	for _, key := range []string{"max_skipped", "recheck"} {
		if v := conf.Get(key); v != nil {
			patch[key] = fmt.Sprint(v)
		}
	}
	for _, key := range []string{"ids", "names", "exclude"} {
		list, err := texts(conf.Get("experiments::" + key))
		if err != nil {
			return fmt.Errorf("experiments::%s: %w", key, err)
		}
		if list != nil {
			patch["experiments::"+key] = list
		}
	}
	return conf.Merge(confmap.NewFromStringMap(patch))
}

// Split reads the short form of a selection of experiments: a list of text and whole numbers, or one
// of them alone. What has digits only is an id, everything else is a name or a glob.
func Split(v any) (ids, names []string, err error) {
	list, err := texts(v)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range list {
		if text := e.(string); text != "" && strings.Trim(text, "0123456789") == "" {
			ids = append(ids, text)
		} else {
			names = append(names, text)
		}
	}
	return ids, names, nil
}

// texts returns a list of text from a list of text and whole numbers, or from one of them alone.
func texts(v any) ([]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			one, err := texts(e)
			if err != nil || len(one) != 1 {
				return nil, fmt.Errorf("element %d: %w", i, errNotText)
			}
			list[i] = one[0]
		}
		return list, nil
	case string:
		return []any{v}, nil
	case int, int64, uint64:
		return []any{fmt.Sprint(v)}, nil
	default: // a value of ${env:…} in a list has a type of confmap, which knows its text
		var expanded struct {
			Text string `mapstructure:"text"`
		}
		if confmap.NewFromStringMap(map[string]any{"text": v}).Unmarshal(&expanded) != nil {
			return nil, errNotText
		}
		return []any{expanded.Text}, nil
	}
}

var errNotText = errors.New("write text or whole numbers, e.g. [1, 2] or [\"support-*\"]")
