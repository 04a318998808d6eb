// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"slices"
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/mlflow"
	"github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"
)

// derive adds the attributes of the semantic conventions that follow from what MLflow holds. typ is
// the type of the span in MLflow.
func (w *worker) derive(s *mlflow.Span, typ string, kind spanKind, f *facts) {
	var in request
	if kind.model {
		in = w.request(f.inputs)
		w.parameters(f.parameters)
	}
	operation := kind.operation
	if typ == "LLM" {
		operation = in.operation(operation)
	}
	w.putString(OperationName, operation)
	if kind.name != "" {
		name := f.names[kind.fact]
		if name == "" && s.Name != operation {
			// Instrumentations that follow the conventions name a span "{operation} {name}".
			name = strings.TrimPrefix(s.Name, operation+" ")
		}
		w.putString(kind.name, name)
	}

	// MLflow's model may be the one of the request or of the response, so what the request itself
	// says comes first.
	model := firstOf(in.model, f.names[FactRequestModel])
	w.putString(ProviderName, firstOf(f.names[FactProvider], provider(f.names[FactProviderOther], model)))
	from := f.from[FactRequestModel]
	if kind.model || from != nil && from.Dialect != DialectOpenAIAgents {
		w.putString(RequestModel, model)
	}
	if kind.model {
		w.response(f.outputs, f)
		w.putString(ResponseModel, f.names[FactResponseModel])
		if typ == "EMBEDDING" && in.dimensions == 0 {
			in.dimensions = numbersIn(f.outputs)
		}
		if in.dimensions > 0 {
			w.putInt(EmbeddingsDimensions, in.dimensions)
		}
	}
	w.usage(f)
	w.putString(PromptName, onlyPrompt(f.prompts))
	w.putString(CodeFunctionName, f.function)
	if s.Status == mlflow.StatusCodeError {
		w.putString(ErrorType, errorType(s.Events))
	}
}

func firstOf(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}

// errorType returns the type of the last exception that was recorded, or "_OTHER", the conventions'
// value for errors of an unknown type.
func errorType(events []mlflow.Event) string {
	for _, event := range slices.Backward(events) {
		if event.Name != ExceptionEvent {
			continue
		}
		for _, a := range event.Attributes {
			if a.Key == ExceptionType {
				if t, ok := stringValue(a.Raw); ok && t != "" {
					return t
				}
			}
		}
	}
	return "_OTHER"
}

// usage adds the token counts in the meaning of the conventions: input includes cached tokens, output
// includes reasoning. What MLflow holds stays under its own name.
func (w *worker) usage(f *facts) {
	u := &f.usage
	for _, d := range f.documents[:f.numDocuments] {
		f.badUsage += u.JSON(d.form, d.text)
	}
	w.stats.BadUsage += f.badUsage
	cached := usage.CachedExcluded
	if !u.Apart() {
		cached = CachedBy("", f.names[FactProvider], strings.ToLower(f.names[FactProviderOther]))
	}
	t := u.Resolve(cached)
	for _, n := range [...]struct {
		field  usage.Field
		key    string
		tokens int64
	}{
		{usage.FieldInput, UsageInput, t.Input}, {usage.FieldOutput, UsageOutput, t.Output},
		{usage.FieldCacheRead, UsageCacheRead, t.CacheRead}, {usage.FieldCacheWrite, UsageCacheWrite, t.CacheWrite},
		{usage.FieldReasoning, UsageReasoning, t.Reasoning},
	} {
		if u.Has(n.field) {
			w.putInt(n.key, n.tokens)
		}
	}
}

// count reads a value and returns it if it is a number that counts something: whole and not
// negative.
func count(s *pyjson.Scanner) (int64, bool) {
	if s.Kind() != pyjson.KindNumber {
		s.Skip()
		return 0, false
	}
	n, ok := whole(s.Num())
	return n, ok && n >= 0
}

// whole returns a number as an integer, if it is one: 5, 5.0 and 5e0 are.
func whole(num []byte) (int64, bool) {
	if n, ok := pyjson.Int64(num); ok {
		return n, true
	}
	f := pyjson.Float64(num)
	if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// onlyPrompt returns the name of the prompt in a list of [{"name": …, "version": …}] if it is the
// only one.
func onlyPrompt(text []byte) (name string) {
	s := pyjson.NewScanner(text)
	if s.Kind() != pyjson.KindArray {
		return ""
	}
	s.Open(pyjson.KindArray)
	for n := 0; s.NextElement(); n++ {
		if n > 0 || s.Kind() != pyjson.KindObject {
			return ""
		}
		s.Open(pyjson.KindObject)
		for s.NextMember() {
			if string(s.Key()) == "name" && s.Kind() == pyjson.KindString {
				name = s.Str()
			} else {
				s.Skip()
			}
		}
	}
	return name
}

// numbersIn returns the length of a list of numbers, or 0 for anything else.
func numbersIn(text []byte) (n int64) {
	s := pyjson.NewScanner(text)
	if s.Kind() != pyjson.KindArray {
		return 0
	}
	s.Open(pyjson.KindArray)
	for s.NextElement() {
		if s.Kind() != pyjson.KindNumber {
			return 0
		}
		s.Num()
		n++
	}
	return n
}
