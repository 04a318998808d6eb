package dbsql

import (
	"crypto/md5"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// textScalars work on strings and times.
var textScalars = map[string]scalar{
	"like":  {4, true, like},
	"lower": {1, true, func(a []driver.Value) (driver.Value, error) { return strings.ToLower(a[0].(string)), nil }},
	"upper": {1, true, func(a []driver.Value) (driver.Value, error) { return strings.ToUpper(a[0].(string)), nil }},
	"startswith": {2, true, func(a []driver.Value) (driver.Value, error) {
		return truth(strings.HasPrefix(a[0].(string), a[1].(string))), nil
	}},
	"endswith": {2, true, func(a []driver.Value) (driver.Value, error) {
		return truth(strings.HasSuffix(a[0].(string), a[1].(string))), nil
	}},
	"contains": {2, true, func(a []driver.Value) (driver.Value, error) {
		return truth(strings.Contains(a[0].(string), a[1].(string))), nil
	}},
	"reverse": {1, true, func(a []driver.Value) (driver.Value, error) {
		r := []rune(a[0].(string))
		slices.Reverse(r)
		return string(r), nil
	}},
	"md5": {1, true, func(a []driver.Value) (driver.Value, error) {
		return fmt.Sprintf("%x", md5.Sum([]byte(a[0].(string)))), nil
	}},
	"substring": {-1, true, substring},
	"left":      {2, true, func(a []driver.Value) (driver.Value, error) { return substring([]driver.Value{a[0], int64(1), a[1]}) }},
	"right": {2, true, func(a []driver.Value) (driver.Value, error) {
		r := []rune(a[0].(string))
		n := min(max(a[1].(int64), 0), int64(len(r)))
		return string(r[int64(len(r))-n:]), nil
	}},
	"concat_ws": {-1, false, func(a []driver.Value) (driver.Value, error) {
		var parts []string
		for _, x := range a[1:] {
			if x != nil {
				parts = append(parts, x.(string))
			}
		}
		if a[0] == nil {
			return nil, nil
		}
		return strings.Join(parts, a[0].(string)), nil
	}},
	"split_part": {3, true, func(a []driver.Value) (driver.Value, error) {
		parts := strings.Split(a[0].(string), a[1].(string))
		n := a[2].(int64)
		if n < 0 {
			n += int64(len(parts)) + 1
		}
		if n < 1 || n > int64(len(parts)) {
			return "", nil
		}
		return parts[n-1], nil
	}},
	"regexp_like": {2, true, func(a []driver.Value) (driver.Value, error) {
		re, err := compile(a[1].(string))
		return truth(err == nil && re.MatchString(a[0].(string))), err
	}},
	"regexp_replace": {3, true, func(a []driver.Value) (driver.Value, error) {
		re, err := compile(a[1].(string))
		if err != nil {
			return nil, err
		}
		return re.ReplaceAllString(a[0].(string), regexp.MustCompile(`\$(\d+)`).ReplaceAllString(a[2].(string), "$${$1}")), nil
	}},
	"regexp_extract": {-1, true, func(a []driver.Value) (driver.Value, error) {
		re, err := compile(a[1].(string))
		if err != nil {
			return nil, err
		}
		n := int64(1)
		if len(a) == 3 {
			n = a[2].(int64)
		}
		m := re.FindStringSubmatch(a[0].(string))
		switch {
		case n < 0 || n > int64(re.NumSubexp()):
			return nil, failf("INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX", "22023",
				"The value of parameter(s) `idx` in `regexp_extract` is invalid: Expects group index between 0 and %d, but got %d.", re.NumSubexp(), n)
		case m == nil:
			return "", nil
		}
		return m[n], nil
	}},
	"micros_1":       {1, true, micros(1)},
	"micros_1000":    {1, true, micros(1e3)},
	"micros_1000000": {1, true, micros(1e6)},
	"unix_1":         {1, true, unix(1)},
	"unix_1000":      {1, true, unix(1e3)},
	"unix_1000000":   {1, true, unix(1e6)},
	"part_year":      {1, true, part(time.Time.Year)},
	"part_month":     {1, true, part(func(t time.Time) int { return int(t.Month()) })},
	"part_day":       {1, true, part(time.Time.Day)},
	"part_hour":      {1, true, part(time.Time.Hour)},
	"part_minute":    {1, true, part(time.Time.Minute)},
	"part_second":    {1, true, part(time.Time.Second)},
	"date_trunc":     {2, true, dateTrunc},
	"date_format":    {2, true, dateFormat},
	"datediff":       {2, true, func(a []driver.Value) (driver.Value, error) { return a[0].(int64) - a[1].(int64), nil }},
	"date_add":       {2, true, func(a []driver.Value) (driver.Value, error) { return a[0].(int64) + a[1].(int64), nil }},
	"date_sub":       {2, true, func(a []driver.Value) (driver.Value, error) { return a[0].(int64) - a[1].(int64), nil }},
	"add_months":     {3, true, addMonths},
}
