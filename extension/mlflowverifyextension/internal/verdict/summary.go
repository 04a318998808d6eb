// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"fmt"
	"io"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/progress"
)

// Summary writes a verdict for people. It lies at path.
func (d *Document) Summary(w io.Writer, path string) error {
	var b strings.Builder
	fmt.Fprintln(&b, d.Headline)
	for _, p := range d.Problems {
		fmt.Fprintf(&b, "  problem   %s\n", p)
	}
	for _, s := range d.Readers.Sources {
		fmt.Fprintf(&b, "  source    %s\n", s)
	}
	if t := d.Topic; t != nil {
		fmt.Fprintf(&b, "  topic     %s: %d partitions, %d records, %d committed by group %s\n", t.Name,
			len(t.Partitions), t.Records, t.Committed, t.GroupID)
	}
	if c := d.Consumers; c != nil {
		fmt.Fprintf(&b, "  consumers %d with a report, %s of the group", c.Reports,
			progress.Count(int64(c.Members), "member"))
		if c.Delivery != "" {
			fmt.Fprintf(&b, ", delivery: %s", c.Delivery)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  delivery  %s\n", d.Delivery)
	for _, n := range d.Notes {
		fmt.Fprintf(&b, "            %s\n", n)
	}
	fmt.Fprintf(&b, "  verdict   %s\n", path)
	_, err := io.WriteString(w, b.String())
	return err
}
