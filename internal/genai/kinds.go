// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// Kind is what a span stands for.
type Kind uint8

// The kinds.
const (
	KindOther     Kind = iota // an agent, a chain, a retriever …, or not said
	KindLLM                   // a call of a language model
	KindEmbedding             // a call of an embedding model
	KindRerank                // a call of a model that ranks documents
	KindTool                  // a call of a tool
)

// kinds are the types of spans in all dialects, in lower case, that are calls. Other types are
// KindOther.
var kinds = map[string]Kind{
	"llm": KindLLM, "chat_model": KindLLM, "chat": KindLLM, "text_completion": KindLLM, "completion": KindLLM,
	"generate_content": KindLLM, "generation": KindLLM, "llm_request": KindLLM,
	"ai.generatetext.dogenerate": KindLLM, "ai.streamtext.dostream": KindLLM,
	"ai.generateobject.dogenerate": KindLLM, "ai.streamobject.dostream": KindLLM,
	"embedding": KindEmbedding, "embeddings": KindEmbedding, "ai.embed.doembed": KindEmbedding,
	"ai.embedmany.doembed": KindEmbedding,
	"rerank":               KindRerank,
	"tool":                 KindTool, "execute_tool": KindTool, "ai.toolcall": KindTool,
}

// KindOf returns the kind that a value of FactKind stands for. said is false for the values by which
// a dialect says that it does not know.
func KindOf(name string) (k Kind, said bool) {
	switch name { // the usual ones of MLflow and OpenInference, without an allocation
	case "":
		return KindOther, false
	case "LLM":
		return KindLLM, true
	case "CHAT_MODEL":
		return KindLLM, true
	case "EMBEDDING":
		return KindEmbedding, true
	case "TOOL":
		return KindTool, true
	case "AGENT", "CHAIN", "RETRIEVER", "WORKFLOW", "TASK", "PARSER", "MEMORY", "GUARDRAIL", "EVALUATOR", "RERANKER":
		return KindOther, true
	}
	name = strings.ToLower(name)
	return kinds[name], name != "unknown"
}

// spanKind is what a type of MLflow span becomes.
type spanKind struct {
	operation string // gen_ai.operation.name, empty for none
	client    bool   // span kind CLIENT, else INTERNAL
	// inputs and outputs are those of a model: request parameters and response scalars are read
	// from them
	model bool
	name  string // attribute that the name of a tool or agent goes to
	fact  Fact   // that gives the name; else it is the span's
}

// spanKinds has an entry for each type of span that is more than an internal step. Types that no
// operation of the semantic conventions fits are left without one: a wrong name would count twice
// in everybody's charts.
var spanKinds = map[string]spanKind{
	"CHAT_MODEL": {operation: "chat", client: true, model: true},
	"LLM":        {operation: "generate_content", client: true, model: true}, // see llmOperation
	"EMBEDDING":  {operation: "embeddings", client: true, model: true},
	"TOOL":       {operation: "execute_tool", name: ToolName, fact: FactTool},
	"AGENT":      {operation: "invoke_agent", name: AgentName, fact: FactAgent},
	"RETRIEVER":  {operation: "retrieval", client: true},
	"WORKFLOW":   {operation: "invoke_workflow"},
}

func (k spanKind) otlp() ptrace.SpanKind {
	if k.client {
		return ptrace.SpanKindClient
	}
	return ptrace.SpanKindInternal
}

// providers maps MLflow's provider names to the registered values of gen_ai.provider.name; others
// pass in lower case.
var providers = map[string]string{
	"azure": "azure.ai.openai", "azure_openai": "azure.ai.openai", "azure_ai": "azure.ai.inference",
	"bedrock": "aws.bedrock", "bedrock_converse": "aws.bedrock",
	"gemini": "gcp.gemini", "google": "gcp.gen_ai",
	"mistral": "mistral_ai", "mistralai": "mistral_ai",
	"xai": "x_ai", "watsonx": "ibm.watsonx.ai", "moonshot": "moonshot_ai",
}

// provider returns the value of gen_ai.provider.name for MLflow's provider and model, or "" when it
// isn't known: it is never guessed from the model, except for the models that Databricks serves
// under its own prefix.
func provider(name, model string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	switch {
	case name == "" && strings.HasPrefix(model, "databricks-"):
		return "databricks"
	case strings.HasPrefix(name, "vertex_ai"):
		return "gcp.vertex_ai"
	}
	if p, ok := providers[name]; ok {
		return p
	}
	return name
}
