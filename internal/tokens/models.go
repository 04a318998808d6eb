// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package tokens

import "strings"

// DefaultEncoding is what ForModel falls back to.
const DefaultEncoding = "cl100k_base"

// ForModel returns the encoding a model uses, by the table of tiktoken 0.14.0. exact is false where
// that table doesn't know the model (other vendors publish no such tokenizer): then the encoding is
// DefaultEncoding and a count is an approximation.
//
// Names may carry what gateways add to them: a provider in front (openai/gpt-4o, azure/…,
// openrouter/openai/…, openai:/gpt-4o, openai.gpt-oss-120b, databricks-gpt-5,
// system.ai.gpt-oss-20b) and a variant behind (gpt-4o:extended).
func ForModel(model string) (e *Encoding, exact bool) {
	if e := lookupModel(model); e != nil {
		return e, true
	}
	model = model[strings.LastIndexByte(model, '/')+1:]
	for _, provider := range []string{"openai.", "databricks-", "system.ai."} {
		model = strings.TrimPrefix(model, provider)
	}
	if e := lookupModel(model); e != nil {
		return e, true
	}
	name, _, _ := strings.Cut(model, ":")
	if e := lookupModel(name); e != nil {
		return e, true
	}
	e, _ = For(DefaultEncoding)
	return e, false
}

// lookupModel does what tiktoken's encoding_for_model does: the exact name, else the first prefix
// in the order of the table. It returns nil for an unknown model.
func lookupModel(model string) *Encoding {
	for _, m := range modelNames {
		for name := range strings.FieldsSeq(m.names) {
			if name == model {
				e, _ := For(m.encoding)
				return e
			}
		}
	}
	for _, m := range modelPrefixes {
		for prefix := range strings.FieldsSeq(m.names) {
			if strings.HasPrefix(model, prefix) {
				e, _ := For(m.encoding)
				return e
			}
		}
	}
	return nil
}

type models struct{ encoding, names string }

var modelNames = []models{
	{"o200k_base", "o1 o3 o4-mini gpt-5 gpt-4.1 gpt-4o"},
	{"cl100k_base", `gpt-4 gpt-3.5-turbo gpt-3.5 gpt-35-turbo davinci-002 babbage-002
		text-embedding-ada-002 text-embedding-3-small text-embedding-3-large`},
	{"p50k_base", `text-davinci-003 text-davinci-002 code-davinci-002 code-davinci-001 code-cushman-002 code-cushman-001
		davinci-codex cushman-codex`},
	{"p50k_edit", "text-davinci-edit-001 code-davinci-edit-001"},
	{"r50k_base", `text-davinci-001 text-curie-001 text-babbage-001 text-ada-001 davinci curie babbage ada
		text-similarity-davinci-001 text-similarity-curie-001 text-similarity-babbage-001 text-similarity-ada-001
		text-search-davinci-doc-001 text-search-curie-doc-001 text-search-babbage-doc-001 text-search-ada-doc-001
		code-search-babbage-code-001 code-search-ada-code-001`},
	{"gpt2", "gpt2 gpt-2"},
}

var modelPrefixes = []models{
	{"o200k_base", "o1- o3- o4-mini- gpt-5 gpt-4.5- gpt-4.1- chatgpt-4o- gpt-4o-"},
	{"cl100k_base", "gpt-4- gpt-3.5-turbo- gpt-35-turbo-"},
	{"o200k_harmony", "gpt-oss-"},
	{"o200k_base", "ft:gpt-4o"},
	{"cl100k_base", "ft:gpt-4 ft:gpt-3.5-turbo ft:davinci-002 ft:babbage-002"},
}
