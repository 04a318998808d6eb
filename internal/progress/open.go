// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/delivered"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
)

// The reasons for which a trace is pending, beside mlflow.ReasonInProgress and
// mlflow.ReasonSpansMissing. Rejected and the reasons for which a trace is skipped are final for a run;
// later runs try such traces again.
const (
	// Refused: the destination refused the trace, and nothing shows yet that the fault is the
	// trace's own.
	Refused mlflow.Reason = "refused"
	// Held: the trace was read, and the destination refused everything of its experiment.
	Held mlflow.Reason = "held"
)

// OpenTrace is a trace that was read and is not delivered. It is kept by its id until it is.
type OpenTrace struct {
	ID string `json:"id"`
	// Day is the UTC day of the trace's timestamp, in days since 1970.
	Day    int64         `json:"day"`
	Reason mlflow.Reason `json:"reason"`
	// Since is when the reason was met first, Unix milliseconds; of a refused trace the time of its
	// first refusal.
	Since int64 `json:"since"`
	// Tries is the number of attempts so far.
	Tries int `json:"tries"`
	// Spans is how many of its spans were delivered: of a trace with spans missing those that came.
	Spans int64 `json:"spans,omitempty"`
	// Digest is that of a trace that was delivered without all of its spans, as it was told last; 0 where late
	// changes are not looked for.
	Digest uint64 `json:"digest,omitempty"`
}

// IsPending reports whether a reason leaves the trace pending; otherwise it is skipped or rejected.
func IsPending(r mlflow.Reason) bool {
	return r == mlflow.ReasonInProgress || r == mlflow.ReasonSpansMissing || r == Refused || r == Held
}

// OpenPerPage is how many open traces one stored page holds.
const OpenPerPage = 1000

const openVersion = "mlflow-open-1"

// EncodeOpen writes a page: a line with version and checksum, then a line of JSON per trace.
func EncodeOpen(page []OpenTrace) []byte {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	for i := range page {
		if err := e.Encode(&page[i]); err != nil {
			panic(err) // every field is a plain value
		}
	}
	return seal(openVersion, "\n", body.Bytes())
}

// DecodeOpen reads what EncodeOpen wrote. The error is delivered.ErrDamaged or
// delivered.ErrNewerFormat, with what is wrong.
func DecodeOpen(b []byte) ([]OpenTrace, error) {
	_, body, err := unseal(b, "a page of open traces", "\n", openVersion)
	if err != nil {
		return nil, err
	}
	var page []OpenTrace
	d := json.NewDecoder(bytes.NewReader(body))
	for {
		var t OpenTrace
		if err := d.Decode(&t); err != nil {
			if errors.Is(err, io.EOF) {
				return page, nil
			}
			return nil, fmt.Errorf("%w: a page of open traces: %w", delivered.ErrDamaged, err)
		}
		page = append(page, t)
	}
}
