// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genaiprocessor

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/encodings"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/spans"
	"github.com/otelcol-mlflow/otelcol-mlflow/processor/genaiprocessor/internal/text"
)

// What OpenAI's chat format adds to a request beside the texts: for each message, of which one is
// its role; for the name of who speaks; for the start of the answer. (OpenAI Cookbook, "How to
// count tokens with tiktoken".)
const (
	perMessage = 3 + 1
	perName    = 1
	perReply   = 3
)

// selected reports whether the text of the span with index i is to be counted, as far as its place
// goes.
func (w *worker) selected(i int) bool {
	s := &w.batch.Spans[i]
	switch w.cfg.Tokens.Spans {
	case SpansRoot:
		return w.batch.IsRoot(i)
	case SpansLLM:
		return s.Kind == genai.KindLLM
	case SpansAll:
		return s.GenAI
	}
	return false
}

// tokens writes the token counts of one span. A span that has them already is left alone.
func (w *worker) tokens(ctx context.Context, i int) error {
	s := &w.batch.Spans[i]
	counts := w.selected(i) && !s.Counted
	fills := w.cfg.Tokens.FillMissingUsage && s.IsLeafCall() && s.Reported == [2]bool{}
	if !counts && !fills {
		return nil
	}
	if holds, err := w.eval.holds(ctx, w.rules.tokenConditions, s); err != nil || !holds {
		return err
	}
	choice, err := w.encoding(ctx, s)
	if err != nil {
		return err
	}
	if counts {
		if err := w.count(ctx, s, choice); err != nil {
			return err
		}
	}
	if fills {
		return w.fill(ctx, s, choice)
	}
	return nil
}

func (w *worker) encoding(ctx context.Context, s *spans.Span) (encodings.Choice, error) {
	request, response := w.batch.Models(s)
	v, ok, err := w.eval.value(ctx, w.rules.model, s)
	if ok {
		request, response = v.AsString(), ""
	}
	return w.chooser.For(request, response), err
}

// textOf returns one side of the span's text.
func (w *worker) textOf(ctx context.Context, s *spans.Span, d spans.Direction, mode text.Mode) (text.Text, error) {
	x := w.rules.request
	if d == spans.DirectionResponse {
		x = w.rules.response
	}
	v, ok, err := w.eval.value(ctx, x, s)
	if err != nil {
		return text.Text{}, err
	}
	if ok {
		return w.text.OfValue(v, mode), nil
	}
	return w.text.Of(s, d, mode), nil
}

// numberOf returns the number of tokens of a text.
func (w *worker) numberOf(t text.Text, d spans.Direction, choice encodings.Choice) int {
	n := choice.Count(t.Text)
	w.stats.bytes += len(t.Text)
	if w.cfg.Tokens.ChatOverhead && d == spans.DirectionRequest && choice.Chat && t.Messages > 0 {
		n += perMessage*t.Messages + perName*t.Names + perReply
	}
	return n
}

// count writes token_count_*.
func (w *worker) count(ctx context.Context, s *spans.Span, choice encodings.Choice) error {
	var n [2]int
	var found [2]bool
	truncated := false
	for d := spans.DirectionRequest; d <= spans.DirectionResponse; d++ {
		t, err := w.textOf(ctx, s, d, w.cfg.Tokens.Mode)
		if err != nil {
			return err
		}
		switch {
		case !t.Found:
			w.stats.missing[d]++
			found[d] = w.cfg.Tokens.ZeroWhenMissing
			continue
		case t.Truncated:
			w.stats.truncated[d]++
			truncated = true
		default:
			w.stats.counted[d]++
		}
		if w.cfg.Tokens.Media == text.MediaSkip {
			w.stats.media[mediaSkipped] += t.Media
		} else {
			w.stats.media[mediaCounted] += t.Media
		}
		found[d], n[d] = true, w.numberOf(t, d, choice)
		w.stats.tokens[d] += n[d]
	}
	if !found[spans.DirectionRequest] && !found[spans.DirectionResponse] {
		return nil
	}
	w.stats.spans++
	attrs := s.Attributes()
	attrs.EnsureCapacity(attrs.Len() + 5)
	if found[spans.DirectionRequest] {
		putInt(attrs, genai.TokenCountRequest, n[spans.DirectionRequest])
	}
	if found[spans.DirectionResponse] {
		putInt(attrs, genai.TokenCountResponse, n[spans.DirectionResponse])
	}
	attrs.PutStr(genai.TokenCountEncoding, choice.Name)
	attrs.PutBool(genai.TokenCountApproximate, choice.Approximate)
	if truncated {
		attrs.PutBool(genai.TokenCountTruncated, true)
	}
	return nil
}

// fill writes the usage of a model call whose producer reports none, and marks it.
func (w *worker) fill(ctx context.Context, s *spans.Span, choice encodings.Choice) error {
	filled := false
	for d, key := range [2]string{genai.UsageInput, genai.UsageOutput} {
		if spans.Direction(d) == spans.DirectionResponse && s.Kind == genai.KindEmbedding {
			continue
		}
		t, err := w.textOf(ctx, s, spans.Direction(d), text.ModeText)
		if err != nil {
			return err
		}
		if t.Found && !t.Truncated {
			putInt(s.Attributes(), key, w.numberOf(t, spans.Direction(d), choice))
			filled = true
		}
	}
	if filled {
		s.Attributes().PutBool(genai.TokensBackfilled, true)
		w.stats.filled++
	}
	return nil
}

func putInt(attrs pcommon.Map, key string, n int) { attrs.PutInt(key, int64(n)) }
