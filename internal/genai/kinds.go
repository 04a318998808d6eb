// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

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
