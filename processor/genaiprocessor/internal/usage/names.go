// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import "github.com/otelcol-mlflow/otelcol-mlflow/internal/genai"

// source says which number an attribute reports, and its rank among the attributes that report it:
// of several the lowest rank counts.
type source struct {
	field Field
	rank  int8
}

// sources are the attributes that report a number, in all dialects. Names of the conventions come
// first, the newest before the older ones.
var sources = map[string]source{
	// OpenTelemetry GenAI, all versions of the names
	genai.UsageInput:                           {FieldInput, 1},
	"gen_ai.usage.prompt_tokens":               {FieldInput, 2},
	genai.UsageOutput:                          {FieldOutput, 1},
	"gen_ai.usage.completion_tokens":           {FieldOutput, 2},
	"gen_ai.usage.total_tokens":                {FieldTotal, 1},
	genai.UsageCacheRead:                       {FieldCacheRead, 1},
	"gen_ai.usage.cache_read_input_tokens":     {FieldCacheRead, 2},
	genai.UsageCacheWrite:                      {FieldCacheWrite, 1},
	"gen_ai.usage.cache_creation.input_tokens": {FieldCacheWrite, 2},
	"gen_ai.usage.cache_creation_input_tokens": {FieldCacheWrite, 3},
	genai.UsageReasoning:                       {FieldReasoning, 1},
	"gen_ai.usage.reasoning_tokens":            {FieldReasoning, 2},

	// Pydantic AI and Logfire
	"gen_ai.usage.details.cache_read_tokens":           {FieldCacheRead, 11},
	"gen_ai.usage.details.cache_read_input_tokens":     {FieldCacheRead, 12},
	"gen_ai.usage.details.cached_tokens":               {FieldCacheRead, 13},
	"gen_ai.usage.details.cache_write_tokens":          {FieldCacheWrite, 11},
	"gen_ai.usage.details.cache_creation_input_tokens": {FieldCacheWrite, 12},
	"gen_ai.usage.details.reasoning_tokens":            {FieldReasoning, 11},

	// Other spellings below the conventions' prefix
	"gen_ai.usage.input_cached_tokens":        {FieldCacheRead, 15},
	"gen_ai.usage.cached_input_tokens":        {FieldCacheRead, 16},
	"gen_ai.usage.input_tokens.cached":        {FieldCacheRead, 17},
	"gen_ai.usage.input_tokens.cache_write":   {FieldCacheWrite, 15},
	"gen_ai.usage.output_tokens.reasoning":    {FieldReasoning, 15},
	"gen_ai.usage.output_reasoning_tokens":    {FieldReasoning, 16},
	"gen_ai.usage.cache_creation_tokens":      {FieldCacheWrite, 16},
	"gen_ai.usage.cache_read_tokens":          {FieldCacheRead, 18},
	"gen_ai.usage.input_cache_read_tokens":    {FieldCacheRead, 19},
	"gen_ai.usage.input_cache_written_tokens": {FieldCacheWrite, 17},

	// OpenInference
	"llm.token_count.prompt":                       {FieldInput, 21},
	"llm.token_count.completion":                   {FieldOutput, 21},
	"llm.token_count.total":                        {FieldTotal, 21},
	"llm.token_count.prompt_details.cache_read":    {FieldCacheRead, 21},
	"llm.token_count.prompt_details.cache_write":   {FieldCacheWrite, 21},
	"llm.token_count.completion_details.reasoning": {FieldReasoning, 21},

	// OpenLLMetry
	"llm.usage.prompt_tokens":                         {FieldInput, 31},
	"llm.usage.completion_tokens":                     {FieldOutput, 31},
	"llm.usage.total_tokens":                          {FieldTotal, 31},
	"llm.usage.cache_read_input_tokens":               {FieldCacheRead, 31},
	"llm.usage.cache_creation_input_tokens":           {FieldCacheWrite, 31},
	"llm.usage.reasoning_tokens":                      {FieldReasoning, 31},
	"llm.anthropic.usage.cache_read_input_tokens":     {FieldCacheRead, 32},
	"llm.anthropic.usage.cache_creation_input_tokens": {FieldCacheWrite, 32},

	// Vercel AI SDK
	"ai.usage.inputTokens":       {FieldInput, 41},
	"ai.usage.promptTokens":      {FieldInput, 42},
	"ai.usage.tokens":            {FieldInput, 43}, // of embeddings
	"ai.usage.outputTokens":      {FieldOutput, 41},
	"ai.usage.completionTokens":  {FieldOutput, 42},
	"ai.usage.totalTokens":       {FieldTotal, 41},
	"ai.usage.cachedInputTokens": {FieldCacheRead, 41},
	"ai.usage.reasoningTokens":   {FieldReasoning, 41},
}

// Ranks of documents that hold several numbers; single attributes come before them.
const (
	rankMLflow   = 100
	rankLangfuse = 101
)

// chatMembers are the members of mlflow.chat.tokenUsage.
var chatMembers = map[string]source{
	"input_tokens":                          {FieldInput, rankMLflow},
	"output_tokens":                         {FieldOutput, rankMLflow},
	"total_tokens":                          {FieldTotal, rankMLflow},
	"cache_read_input_tokens":               {FieldCacheRead, rankMLflow},
	"cache_creation_input_tokens":           {FieldCacheWrite, rankMLflow},
	"cache_creation_input_tokens_above_1hr": {FieldCacheWrite1h, rankMLflow},
}

// langfuseMembers are the members of langfuse.observation.usage_details. Langfuse's types of usage
// do not contain each other: input is what was read without a cache.
var langfuseMembers = map[string]source{
	"input":                       {FieldInput, rankLangfuse},
	"input_tokens":                {FieldInput, rankLangfuse + 1},
	"prompt_tokens":               {FieldInput, rankLangfuse + 2},
	"output":                      {FieldOutput, rankLangfuse},
	"output_tokens":               {FieldOutput, rankLangfuse + 1},
	"completion_tokens":           {FieldOutput, rankLangfuse + 2},
	"total":                       {FieldTotal, rankLangfuse},
	"total_tokens":                {FieldTotal, rankLangfuse + 1},
	"input_cached_tokens":         {FieldCacheRead, rankLangfuse},
	"cache_read_input_tokens":     {FieldCacheRead, rankLangfuse + 1},
	"input_cache_read":            {FieldCacheRead, rankLangfuse + 2},
	"cache_creation_input_tokens": {FieldCacheWrite, rankLangfuse},
	"input_cache_creation":        {FieldCacheWrite, rankLangfuse + 1},
	"input_cache_creation_1h":     {FieldCacheWrite1h, rankLangfuse},
	"output_reasoning_tokens":     {FieldReasoning, rankLangfuse},
	"output_reasoning":            {FieldReasoning, rankLangfuse + 1},
}
