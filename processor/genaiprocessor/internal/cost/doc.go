// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package cost writes what GenAI calls cost under a contract. It is pure: prices and spans in,
// attributes out.
//
// # What is priced
//
// A call of a model is a span whose type says so in any dialect (MLflow's span type,
// gen_ai.operation.name, OpenInference's or OpenLLMetry's kind) or, without a type, one that
// reports token usage. Usage on agents and chains is a sum over the calls below them, so it is not
// priced: it would count twice, mix models, and look like one long context. The numbers are those
// of usage.Resolve, where in includes cached tokens and out includes reasoning:
//
//	input cost  = (in-read-write)·input + read·cache_read + (write-hour)·cache_write + hour·cache_write_1h
//	output cost = (out-reason)·output + reason·reasoning
//
// The price is the one that is valid at the end of the span (at its start if it has no end). It is
// looked up for the model that answered, then for the one that was asked for; exact names before
// globs. A model without a price stays without a cost, and is counted; so does a call without
// usage, or with usage that this processor itself estimated. A tool call has the price of its tool,
// if the list has one.
//
// # The trace's total
//
// contract_cost_trace_total is written on the topmost GenAI span where the whole trace is at hand:
// for traces of the mlflow receiver, and with whole_traces for all, which is correct only behind
// groupbytrace. From the root downwards a call is counted only if no call of the same kind
// (model, tool) above it was counted, since instrumentations nest spans for one call. When a call
// of the trace that didn't fail has no cost, and neither has one above or below it,
// contract_cost_trace_partial says that the total is too low.
//
// Costs that a producer reported (mlflow.llm.cost, llm.cost.*, gen_ai.usage.cost.*) are left alone:
// those are list prices, these are the contract's. Applying the same prices again changes nothing.
package cost
