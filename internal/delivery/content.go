// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import "fmt"

// shownText looks at an mlflow_report extension that shows texts of traces while a genai processor behind the receiver
// treats content: the report would show what must not leave.
func (g *graph) shownText(receiver string, f *Guarantee) {
	for _, report := range list(section(g.conf, "service"), "extensions") {
		cfg := section(section(g.conf, "extensions"), report)
		if kind(report) != "mlflow_report" || text(cfg, "examples") != "true" {
			continue
		}
		for _, id := range g.processors {
			content := section(section(section(g.conf, "processors"), id), "content")
			if action := text(content, "action"); kind(id) == "genai" && action != "" && action != "keep" {
				f.Faults = append(f.Faults, fmt.Sprintf("extensions::%s::examples is true, so the report would show "+
					"texts of %s that processors::%s::content::action: %s keeps from destinations: write "+
					"examples: false",
					report, receiver, id, action))
			}
		}
	}
}

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
