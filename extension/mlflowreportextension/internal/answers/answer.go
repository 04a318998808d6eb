// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// kind is what an answer to an OTLP request is.
type kind uint8

const (
	kindOTLP     kind = iota // an OTLP answer
	kindWebPage              // a page for people
	kindRedirect             // one that would make a GET without a body of the request
	kindOther                // a success with a body that no OTLP destination sends
	kindStatus               // any other status: the exporter knows it
)

// answer is what an answer says.
type answer struct {
	kind     kind
	rejected int64  // items, of an OTLP answer
	message  string // of the destination, cut
}

// mostBody bounds what is read of an answer. Stock exporters read as much.
const mostBody = 64 << 10

// head judges an answer by its status and header. done is false when that takes the body, too.
func head(code int, media string) (a answer, done bool) {
	switch {
	case code == http.StatusMovedPermanently || code == http.StatusFound || code == http.StatusSeeOther:
		return answer{kind: kindRedirect}, true
	case code/100 != 2:
		return answer{kind: kindStatus}, true
	case mediaType(media) == "text/html" || mediaType(media) == "application/xhtml+xml":
		return answer{kind: kindWebPage}, true
	}
	return answer{}, false
}

// body judges the body of a success. whole is false when the body is longer than mostBody. mislabelled
// says that it is JSON although its media type says protobuf: MLflow 3.6.0 answers so.
func body(media string, b []byte, whole bool) (a answer, mislabelled bool) {
	if len(bytes.TrimSpace(b)) == 0 && whole {
		return answer{kind: kindOTLP}, false
	}
	var ok bool
	if whole {
		switch mediaType(media) {
		case "application/x-protobuf":
			if a, ok = fromProto(b); !ok {
				a, ok = fromJSON(b)
				mislabelled = ok
			}
		case "application/json":
			a, ok = fromJSON(b)
		}
	}
	if !ok {
		return answer{kind: kindOther}, false
	}
	return a, mislabelled
}

// fromProto reads an answer in protobuf. Those for spans, log records and data points look alike.
func fromProto(b []byte) (answer, bool) {
	r := ptraceotlp.NewExportResponse()
	if r.UnmarshalProto(b) != nil {
		return answer{}, false
	}
	p := r.PartialSuccess()
	return answer{rejected: max(p.RejectedSpans(), 0), message: cut(p.ErrorMessage())}, true
}

// fromJSON reads an answer in OTLP/JSON, for whatever signal. An object with members, of which none
// is one of OTLP, is not an answer: gateways report errors in such objects.
func fromJSON(b []byte) (answer, bool) {
	switch string(b) { // nearly all answers
	case `{}`, `{"partialSuccess":{}}`, `{"partialSuccess":null}`:
		return answer{}, true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil || members == nil {
		return answer{}, false
	}
	_, camel := members["partialSuccess"]
	_, snake := members["partial_success"]
	if len(members) > 0 && !camel && !snake {
		return answer{}, false
	}
	spans := ptraceotlp.NewExportResponse()
	if spans.UnmarshalJSON(b) != nil {
		return answer{}, false
	}
	a := answer{rejected: spans.PartialSuccess().RejectedSpans(), message: cut(spans.PartialSuccess().ErrorMessage())}
	if logs := plogotlp.NewExportResponse(); bytes.Contains(b, []byte("rejectedLogRecords")) {
		if logs.UnmarshalJSON(b) != nil {
			return answer{}, false
		}
		a.rejected = max(a.rejected, logs.PartialSuccess().RejectedLogRecords())
	}
	if metrics := pmetricotlp.NewExportResponse(); bytes.Contains(b, []byte("rejectedDataPoints")) {
		if metrics.UnmarshalJSON(b) != nil {
			return answer{}, false
		}
		a.rejected = max(a.rejected, metrics.PartialSuccess().RejectedDataPoints())
	}
	a.rejected = max(a.rejected, 0)
	return a, true
}

func mediaType(header string) string {
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		media, _, _ = strings.Cut(header, ";")
	}
	return strings.ToLower(strings.TrimSpace(media))
}

// described is the media type and the size of a body, for people.
func described(media string, size int64) string {
	media = cut(mediaType(media))
	if media == "" {
		media = "no media type"
	}
	if size < 0 {
		return fmt.Sprintf("%s, more than %d bytes", media, mostBody)
	}
	return fmt.Sprintf("%s, %d bytes", media, size)
}

// place is an address without credentials, without its query, which may hold some, and without what may
// be some in its path.
func place(u *url.URL) string {
	segments := strings.Split(u.Path, "/")
	for i, s := range segments {
		if len(s) >= mostSegment {
			segments[i] = withheld(s)
		}
	}
	return cut((&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.Join(segments, "/")}).String())
}

// mostSegment is the length from which on a part of a path is taken for a token: some backends give each
// source an address that holds one.
const mostSegment = 32

// withheld is what stands for a token. Those of different ones differ.
func withheld(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "withheld-" + hex.EncodeToString(sum[:2])
}

// cut bounds a text of a destination.
func cut(s string) string {
	const most = 200
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
