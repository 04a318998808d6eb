// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package unity holds the names, columns and types of the OpenTelemetry tables in Unity Catalog. It
// parses and quotes three-level names, writes CREATE TABLE statements, and compares columns. It is
// pure.
package unity

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Name is a table or view. Its parts are plain: unquoted, as they were written.
type Name struct {
	Catalog, Schema, Table string
}

// String joins the parts with dots, as HTTP headers and REST routes want them.
func (n Name) String() string { return n.Catalog + "." + n.Schema + "." + n.Table }

// Quoted is the name for SQL: each part in backticks, backticks inside doubled.
func (n Name) Quoted() string { return Quote(n.Catalog) + "." + Quote(n.Schema) + "." + Quote(n.Table) }

// Quote writes an identifier for SQL.
func Quote(identifier string) string { return "`" + strings.ReplaceAll(identifier, "`", "``") + "`" }

// ParseName reads catalog.schema.table; parts may stand in backticks. The error says what to write
// instead.
func ParseName(s string) (Name, error) {
	parts, err := split(s)
	if err != nil {
		return Name{}, err
	}
	if len(parts) != 3 {
		return Name{}, fmt.Errorf("%q has %d parts, a table has three: catalog.schema.table%s", s,
			len(parts), dotted(s))
	}
	for _, p := range parts {
		if err := CheckIdentifier(p); err != nil {
			return Name{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	return Name{parts[0], parts[1], parts[2]}, nil
}

// CheckIdentifier refuses what Unity Catalog does not take as the name of a catalog, schema or
// table: more than 255 characters, dots, spaces, slashes, control characters (Databricks SQL
// language manual, "Names").
func CheckIdentifier(s string) error {
	switch {
	case s == "":
		return errors.New("a name is empty")
	case len(s) > 255:
		return fmt.Errorf("the name %.20q… has %d characters, at most 255 are allowed", s, len(s))
	}
	for _, r := range s {
		if r == '.' || r == ' ' || r == '/' || r < 0x20 || r == 0x7f {
			return fmt.Errorf("the name %q holds %q, which Unity Catalog does not allow%s", s, r, dotted(s))
		}
	}
	return nil
}

// dotted proposes the dotted form of what was written with slashes.
func dotted(s string) string {
	if !strings.Contains(s, "/") {
		return ""
	}
	return fmt.Sprintf("; write %q", strings.ReplaceAll(strings.Trim(s, "/"), "/", "."))
}

func split(s string) ([]string, error) {
	var parts []string
	for rest := s; ; {
		var part string
		if strings.HasPrefix(rest, "`") {
			end := 1
			for {
				i := strings.IndexByte(rest[end:], '`')
				if i < 0 {
					return nil, fmt.Errorf("%q: a backtick is not closed", s)
				}
				end += i + 1
				if !strings.HasPrefix(rest[end:], "`") {
					break
				}
				end++
			}
			part, rest = strings.ReplaceAll(rest[1:end-1], "``", "`"), rest[end:]
			if rest != "" && rest[0] != '.' {
				return nil, fmt.Errorf("%q: after a closing backtick comes a dot", s)
			}
		} else {
			i := strings.IndexByte(rest, '.')
			if i < 0 {
				i = len(rest)
			}
			part, rest = rest[:i], rest[i:]
		}
		parts = append(parts, part)
		if rest == "" {
			return parts, nil
		}
		rest = rest[1:]
	}
}

var prefix = regexp.MustCompile(`^[A-Za-z0-9_]{1,238}$`)

// CheckPrefix refuses what can't stand before _otel_spans: letters, digits and underscores, up to
// 238 characters (Databricks' rule for table_prefix).
func CheckPrefix(s string) error {
	if !prefix.MatchString(s) {
		return fmt.Errorf("%q is no table prefix: letters, digits and underscores, 1 to 238 of them", s)
	}
	return nil
}
