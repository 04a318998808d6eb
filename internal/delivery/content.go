// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import "fmt"

// countedText looks at receivers that leave content out and at genai processors behind them that
// count the tokens of that content: every count would be missing, and no error would say so.
func (g *graph) countedText(receiver string, f *Guarantee) {
	if text(section(section(g.conf, "receivers"), receiver), "capture_content") != "false" {
		return
	}
	for _, id := range g.processors {
		if kind(id) != "genai" {
			continue
		}
		tokens := section(section(section(g.conf, "processors"), id), "tokens")
		if text(tokens, "spans") == "none" || text(tokens, "request") != "" || text(tokens, "response") != "" {
			continue // nothing is counted, or what is counted lies elsewhere
		}
		if text(tokens, "mode") == "text" {
			f.note(fmt.Sprintf("processor %s: there is no text to count, since %s has capture_content: false", id,
				receiver))
			continue
		}
		f.Faults = append(f.Faults,
			fmt.Sprintf("receivers::%s::capture_content is false, so processors::%s::tokens (mode: raw) has no text "+
				"to count: "+
				"write capture_content: true and processors::%s::content::action: drop (with hash_key or person_ids: "+
				"drop), which leaves content out after counting, or processors::%s::tokens::spans: none to count "+
				"nothing",
				receiver, id, id, id))
	}
}
