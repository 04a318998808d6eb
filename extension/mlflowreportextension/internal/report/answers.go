// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/extension/mlflowreportextension/internal/answers"
)

// Answers is what an mlflow_report extension read as the middleware of exporters. Exporters that
// name the same extension share it.
type Answers struct {
	Extension string   `json:"extension"`
	Exporters []string `json:"exporters"`
	answers.Counts
}

// summary writes the answers for people.
func (a *Answers) summary(b *strings.Builder) {
	if a.Requests == 0 {
		return
	}
	fmt.Fprintf(b, "  answers   %d requests of %s, %d confirmed", a.Requests, strings.Join(a.Exporters, ", "),
		a.Confirmed)
	for _, part := range []struct {
		n    int64
		text string
	}{
		{a.Unconfirmed, "with another body"}, {a.Refused, "with a web page or a redirect"},
		{a.Rejected, "spans or other items rejected"},
	} {
		if part.n > 0 {
			fmt.Fprintf(b, ", %d %s", part.n, part.text)
		}
	}
	b.WriteByte('\n')
}
