// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// document is an error as Databricks' REST APIs write it. A plain text is its own message.
type document struct {
	Code    string
	Message string
	// Edge: it comes from the front of the workspace, which writes the status in place of a code,
	// and not from what is behind it, such as Unity Catalog.
	Edge bool
}

// parse reads the body of an error. reason is what the header says; it stands in for a body that
// says nothing.
func parse(body []byte, reason string) document {
	var raw struct {
		Code    any    `json:"error_code"`
		Message string `json:"message"`
	}
	var d document
	if json.Unmarshal(body, &raw) != nil {
		d.Message = plain(body)
	} else {
		d.Message = raw.Message
		switch code := raw.Code.(type) {
		case string:
			d.Code = code
			if strings.Trim(code, "0123456789") == "" {
				d.Code, d.Edge = "", code != ""
			}
		case float64:
			d.Edge = true
		}
	}
	if d.Message == "" {
		d.Message = reason
	}
	return d
}

// plain is a body that is text for people; empty for a page, for JSON and for bytes.
func plain(body []byte) string {
	text := strings.TrimSpace(string(body))
	if text == "" || strings.ContainsRune("<{[", rune(text[0])) || !utf8.ValidString(text) ||
		strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		return ""
	}
	return text
}

// missing names what does not exist: table, schema, catalog; nothing when that is not what the
// document says.
func (d document) missing() string {
	for _, kind := range []string{"table", "schema", "catalog"} {
		upper := strings.ToUpper(kind)
		for _, code := range []string{upper + "_DOES_NOT_EXIST", upper + "_NOT_FOUND", upper + "_OR_VIEW_NOT_FOUND"} {
			if d.Code == code || strings.Contains(d.Message, "["+code+"]") {
				return kind
			}
		}
		if (d.Code == "RESOURCE_DOES_NOT_EXIST" || d.Code == "NOT_FOUND") &&
			strings.Contains(strings.ToLower(d.Message), kind) {
			return kind
		}
	}
	return ""
}

var (
	column = regexp.MustCompile(
		`Field "([A-Za-z0-9_.]{1,128})" found in the proto definition, but not in the table schema`,
	)
	privilege = regexp.MustCompile(`\b(USE[ _]CATALOG|USE[ _]SCHEMA|MODIFY|SELECT)\b`)
)

// columns are those that a schema error says the table lacks.
func (d document) columns() []string {
	var out []string
	for _, m := range column.FindAllStringSubmatch(d.Message, -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// privilege is the first that the message names, in the spelling of SQL.
func (d document) privilege() string {
	return strings.ReplaceAll(privilege.FindString(d.Message), "_", " ")
}

// excerpt is the end of a sentence that quotes what the workspace said, or nothing.
func (d document) excerpt() string {
	text := clean(d.Message)
	switch {
	case text == "" && d.Code == "":
		return ""
	case text == "":
		return "; it says " + clean(d.Code)
	}
	return "; it says: " + text
}

var (
	secret = regexp.MustCompile(`(?i)\b(bearer\s+\S+|(dapi|dkea|dsapi|eyJ)[A-Za-z0-9_.-]{4,}|[A-Za-z0-9+/_-]{40,}=*)`)
	quoted = regexp.MustCompile("\"[^\"]{65,}\"|'[^']{65,}'")
)

// clean makes text of others fit for a log line: one line, 200 characters at most, nothing that
// looks like a credential, and no long quotation, which could be data.
func clean(s string) string {
	if len(s) > 2000 {
		s = s[:2000]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = secret.ReplaceAllString(s, "…")
	s = quoted.ReplaceAllString(s, `"…"`)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
