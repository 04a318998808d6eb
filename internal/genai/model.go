// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/pyjson"

// request is what the inputs of a model say beyond their parameters.
type request struct {
	model            string
	dimensions       int64
	prompt, messages bool
}

// operation returns the operation of a span of type LLM, which MLflow uses for all kinds of text
// generation.
func (r *request) operation(otherwise string) string {
	switch {
	case r.messages:
		return "chat"
	case r.prompt:
		return "text_completion"
	}
	return otherwise
}

// paramKind is the type that a request parameter is written with.
type paramKind uint8

const (
	asDouble paramKind = iota
	asInteger
	asTexts   // a string or a list of strings
	asChoices // an integer that is left out when it is 1
	asFlag    // left out when false
)

// params maps the members of a model's inputs to request parameters. Several spellings of one
// parameter exist; the first that is found is taken.
var params = map[string]struct {
	name string
	kind paramKind
}{
	"temperature": {RequestTemperature, asDouble}, "top_p": {RequestTopP, asDouble}, "top_k": {RequestTopK, asDouble},
	"frequency_penalty": {RequestFrequency, asDouble}, "presence_penalty": {RequestPresence, asDouble},
	"max_tokens": {RequestMaxTokens, asInteger}, "max_completion_tokens": {RequestMaxTokens, asInteger},
	"max_output_tokens": {RequestMaxTokens, asInteger},
	"seed":              {RequestSeed, asInteger}, "n": {RequestChoices, asChoices}, "stream": {RequestStream, asFlag},
	"stop": {RequestStop, asTexts}, "stop_sequences": {RequestStop, asTexts},
}

// request adds the request parameters that the inputs of a model hold, and returns what else they
// say. The text is valid JSON or empty.
func (w *worker) request(inputs []byte) (r request) {
	s := pyjson.NewScanner(inputs)
	if s.Kind() != pyjson.KindObject {
		return r
	}
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		key := s.KeyString()
		k := s.Kind()
		switch key {
		case "model":
			r.model = optionalString(&s)
		case "messages":
			r.messages = r.messages || k != pyjson.KindNull
			s.Skip()
		case "input":
			r.messages = r.messages || k == pyjson.KindArray
			s.Skip()
		case "prompt":
			r.prompt = r.prompt || k != pyjson.KindNull
			s.Skip()
		case "dimensions":
			r.dimensions, _ = count(&s)
		default:
			w.param(key, &s)
		}
	}
	return r
}

// parameters adds the request parameters of an object that holds nothing else. What the inputs said
// stays. The text is valid JSON or empty.
func (w *worker) parameters(text []byte) {
	s := pyjson.NewScanner(text)
	eachMember(&s, func(key string) { w.param(key, &s) })
}

// param reads the value of a member and adds it if it is a request parameter of the type that it
// should have.
func (w *worker) param(key string, s *pyjson.Scanner) {
	p, ok := params[key]
	if !ok {
		s.Skip()
		return
	}
	name, as, k := p.name, p.kind, s.Kind()
	switch {
	case k == pyjson.KindNumber && as == asDouble:
		f := pyjson.Float64(s.Num())
		if v, ok := w.put(name); ok {
			v.SetDouble(f)
		}
	case k == pyjson.KindNumber && (as == asInteger || as == asChoices):
		if n, ok := whole(s.Num()); ok && !(as == asChoices && n == 1) {
			w.putInt(name, n)
		}
	case k == pyjson.KindBool && as == asFlag:
		if s.Bool() {
			if v, ok := w.put(name); ok {
				v.SetBool(true)
			}
		}
	case as == asTexts && (k == pyjson.KindString || k == pyjson.KindArray):
		w.putStrings(name, stringsOf(s))
	default:
		s.Skip()
	}
}

// response adds the scalars of the answer that the outputs of a model hold. The text is valid JSON
// or empty.
func (w *worker) response(outputs []byte, f *facts) {
	s := pyjson.NewScanner(outputs)
	if s.Kind() != pyjson.KindObject {
		return
	}
	var finish []string
	gemini := false
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		switch string(s.Key()) {
		case "id":
			w.putString(ResponseID, optionalString(&s))
		case "model":
			w.putString(ResponseModel, optionalString(&s))
		case "stop_reason", "stopReason": // Anthropic, Bedrock
			if reason := optionalString(&s); reason != "" {
				finish = append(finish, reason)
			}
		case "choices", "candidates": // OpenAI, Gemini
			finish = append(finish, finishReasons(&s)...)
		case "usage":
			f.badUsage += f.usage.JSON(answerUsage, s.Skip())
		case "usage_metadata", "usageMetadata":
			gemini = true
			s.Skip()
		default:
			s.Skip()
		}
	}
	w.putStrings(ResponseFinish, finish)
	if gemini {
		f.document(geminiResponse, outputs)
	}
}

// finishReasons reads a list of alternatives and returns why each one ended.
func finishReasons(s *pyjson.Scanner) (reasons []string) {
	if s.Kind() != pyjson.KindArray {
		s.Skip()
		return nil
	}
	s.Open(pyjson.KindArray)
	for s.NextElement() {
		eachMember(s, func(key string) {
			if key != "finish_reason" && key != "finishReason" {
				s.Skip()
			} else if reason := optionalString(s); reason != "" {
				reasons = append(reasons, reason)
			}
		})
	}
	return reasons
}

// eachMember reads a value and, if it is an object, calls read for each of its members to read the
// member's value.
func eachMember(s *pyjson.Scanner, read func(key string)) {
	if s.Kind() != pyjson.KindObject {
		s.Skip()
		return
	}
	s.Open(pyjson.KindObject)
	for s.NextMember() {
		read(s.KeyString())
	}
}

// optionalString reads a value and returns it if it is a string.
func optionalString(s *pyjson.Scanner) string {
	if s.Kind() != pyjson.KindString {
		s.Skip()
		return ""
	}
	return s.Str()
}

// stringsOf reads a string or the strings of a list.
func stringsOf(s *pyjson.Scanner) (list []string) {
	if s.Kind() == pyjson.KindString {
		return []string{s.Str()}
	}
	s.Open(pyjson.KindArray)
	for s.NextElement() {
		if s.Kind() == pyjson.KindString {
			list = append(list, s.Str())
		} else {
			s.Skip()
		}
	}
	return list
}

// putStrings adds a list that isn't empty.
func (w *worker) putStrings(key string, list []string) {
	if len(list) == 0 {
		return
	}
	if v, ok := w.put(key); ok {
		elements := v.SetEmptySlice()
		elements.EnsureCapacity(len(list))
		for _, s := range list {
			elements.AppendEmpty().SetStr(s)
		}
	}
}
