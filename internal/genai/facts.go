// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/otelcol-mlflow/otelcol-mlflow/internal/genai/usage"
)

// Dialect is a set of names of attributes that instrumentations use together.
type Dialect string

// The dialects.
const (
	DialectMLflow        Dialect = "MLflow"
	DialectConventions   Dialect = "OpenTelemetry GenAI"
	DialectOpenInference Dialect = "OpenInference"
	DialectOpenLLMetry   Dialect = "OpenLLMetry"
	DialectLangfuse      Dialect = "Langfuse"
	DialectPydanticAI    Dialect = "Pydantic AI, Logfire"
	DialectVercel        Dialect = "Vercel AI SDK"
	DialectGoogleADK     Dialect = "Google ADK"
	DialectClaudeCode    Dialect = "Claude Code"
	DialectOpenAIAgents  Dialect = "OpenAI Agents"
	DialectLangSmith     Dialect = "LangSmith"
)

// Fact is what an attribute says of its span.
type Fact uint8

// The facts.
const (
	FactKind          Fact = iota // what the span stands for, see KindOf
	FactProvider                  // who serves the model, by the names of the conventions
	FactProviderOther             // the same by the names of the dialect
	FactRequestModel              // the model that was asked for
	FactResponseModel             // the model that answered
	FactTool                      // the name of a tool
	FactAgent                     // the name of an agent
	FactConversation              // the id of a conversation or session
	FactRequestText               // what was asked, see Reading.Source
	FactResponseText              // what was answered, see Reading.Source
	FactSystem                    // instructions beside the messages
	FactUsage                     // a number of tokens, see Reading.Tokens
	FactUsageDocument             // several numbers of tokens, see Reading.Document
	FactParameters                // parameters of the request: an object, or its JSON text
	FactCost                      // what the call costs at list prices, in USD, see Reading.Total
	FactAssessments               // assessments of the span or trace
	Facts                         // the number of facts
)

var factNames = [Facts]string{
	"kind", "provider", "provider, own names", "model, request", "model, response", "tool", "agent", "conversation",
	"request", "response", "instructions", "tokens", "tokens, documents", "request parameters", "reported cost",
	"assessments",
}

func (f Fact) String() string { return factNames[f] }

// TextSource is a place where a dialect keeps the text of a request or response.
type TextSource int

// The sources, in the order in which they are looked at.
const (
	SourceMLflow         TextSource = iota // mlflow.spanInputs, mlflow.spanOutputs
	SourceMessages                         // gen_ai.input.messages, gen_ai.output.messages
	SourceCall                             // arguments and result of a tool, query of a retrieval
	SourceOpenInference                    // llm.input_messages.N.…
	SourceOpenLLMetry                      // gen_ai.prompt.N.…
	SourceOldOpenLLMetry                   // llm.prompts.N.…
	SourceValue                            // input.value and the like
	SourceEvents                           // span events of earlier conventions
	SourcePreview                          // previews of whole traces
	TextSources                            // the number of sources
)

// Reading is what an attribute says.
type Reading struct {
	Fact    Fact
	Dialect Dialect
	// Rank orders the attributes that say the same: of several on a span the lowest counts.
	Rank     int16
	Source   TextSource      // of FactRequestText and FactResponseText
	Tokens   usage.Source    // of FactUsage
	Document *usage.Document // of FactUsageDocument, and of a text that holds such numbers, too
	// Total is the member that holds the sum, of a FactCost that is an object. "" is a number.
	Total string
	// Implies is the kind of a span that has the attribute, where nothing else says it.
	Implies Kind
	// Numbered says that the name goes on with a number: the texts of messages are spread over
	// several attributes.
	Numbered bool
}

// ReadAttribute returns what an attribute says, or nil if it says none of the facts. Dialects are
// told apart by the names; scope is the dialect of the instrumentation scope (DialectOfScope),
// whose names may be bare words.
func ReadAttribute(key string, scope Dialect) *Reading {
	if r, ok := readings[key]; ok {
		return r
	}
	if scope != "" && (strings.IndexByte(key, '.') < 0 || key == claudeCodeKind) {
		return bare[bareName{scope, key}]
	}
	if key == "" || key[0] != 'g' && key[0] != 'l' { // no name of numbered begins otherwise
		return nil
	}
	for i := range numbered {
		rest, ok := strings.CutPrefix(key, numbered[i].prefix)
		if ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return numbered[i].reading
		}
	}
	return nil
}

// bareScopes are the beginnings of the names of scopes whose attributes have names without a
// namespace.
var bareScopes = []struct {
	prefix  string
	dialect Dialect
}{
	{"com.anthropic.claude_code", DialectClaudeCode},
	{"pydantic-ai", DialectPydanticAI},
	{"mlflow", DialectOpenAIAgents}, // MLflow's instrumentation of OpenAI Agents
}

// DialectOfScope returns the dialect of an instrumentation scope whose attributes have names
// without a namespace, or "".
func DialectOfScope(name string) Dialect {
	for _, s := range bareScopes {
		if strings.HasPrefix(name, s.prefix) {
			return s.dialect
		}
	}
	return ""
}

// CachedBy returns what the producer of a call is known to do with cached tokens, by the name of its
// scope and the names of its provider in the conventions and in its dialect.
//
//   - OpenAI's and Google's APIs report an input that includes them, and so do all instrumentations
//     of their clients that were looked at.
//   - OpenLLMetry's package for Bedrock reports Bedrock's inputTokens, Claude Code reports
//     Anthropic's input_tokens, which exclude them.
func CachedBy(scope, provider, other string) usage.Cached {
	if scope == "opentelemetry.instrumentation.bedrock" || DialectOfScope(scope) == DialectClaudeCode {
		return usage.CachedExcluded
	}
	for _, name := range [...]string{provider, other} {
		for _, known := range [...]string{"openai", "azure", "gemini", "google", "gcp", "vertex"} {
			if strings.HasPrefix(name, known) {
				return usage.CachedIncluded
			}
		}
	}
	return usage.CachedUnknown
}

type bareName struct {
	dialect Dialect
	key     string
}

type numberedName struct {
	prefix  string
	reading *Reading
}

// readings is the table by the names of the attributes; bare holds the names that only mean
// something in their dialect, numbered the beginnings of names that go on with a number.
var readings, bare, numbered = indexed(table)

func indexed(table []group) (byKey map[string]*Reading, bare map[bareName]*Reading, numbered []numberedName) {
	byKey, bare = map[string]*Reading{}, map[bareName]*Reading{}
	for _, g := range table {
		for i, row := range g.rows {
			r := g.reading
			r.Dialect, r.Rank = row.dialect, r.Rank+int16(i)+1
			r.Tokens.Rank = r.Rank
			switch {
			case r.Numbered:
				numbered = append(numbered, numberedName{row.key, &r})
			case isBare(row):
				bare[bareName{row.dialect, row.key}] = &r
			default:
				byKey[row.key] = &r
			}
		}
	}
	return byKey, bare, numbered
}

// isBare reports whether a name only means something in its dialect.
func isBare(r row) bool {
	return r.key == claudeCodeKind || !strings.Contains(r.key, ".") && r.key != PlainAssessments
}
