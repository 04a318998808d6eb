// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package content removes, masks or hashes what users and models wrote in GenAI spans and log
// records. It is pure: spans or log records in and out. The table of internal/genai tells what an
// attribute may hold. The processor applies the policy last, after everything was counted.
//
// # Which spans
//
// Spans with an attribute or event of any GenAI dialect, and all spans of the mlflow receiver,
// which are known by their scope. Other spans are left alone, whatever they hold. Attributes of a
// scope or resource are treated when a GenAI span lies below. Log records are chosen in the same way,
// by their attributes, the names of their events and their scope, and treated as events of spans
// are; their bodies are content.
//
// # Actions
//
//   - keep changes nothing.
//   - drop fails closed: of the attributes of spans, events, links and scopes only those stay that
//     the table knows to be safe (ids, models, settings, usage, costs, scores) or that Keep lists.
//     Status messages are removed. Names of spans become the operation or type, and attributes that
//     repeat names are removed, unless the name is that of operation and model or of the code
//     function, or Keep has "name". Known names of events stay. Assessments are removed in whole;
//     metric_<name>, token_count_* and contract_cost_* stay, and so does the trace state, which
//     belongs to samplers. Of a resource's attributes those that describe the machine or the
//     service stay.
//   - hash replaces what drop removes by the hexadecimal HMAC-SHA256 of its text, or of its JSON
//     text when it is structured: equal content can be found, not read. Keys of attributes stay.
//     A reader who has the key can find short texts by trying them.
//   - mask replaces what its detectors and patterns find, in all strings: within structured values
//     and in JSON text, keys included, however deep. JSON text stays valid and otherwise as it was
//     to the last byte. Attributes that are safe, names of services and experiments among them, are
//     searched for e-mail addresses and API keys only, since their digits are ids. Numbers are
//     masked if they are those of cards, or of phones by their key. What is found is replaced by
//     the name of its detector in brackets. Text outside of it stays, and valid UTF-8 stays valid.
//     It finds what has a form; names of people it doesn't find.
//
// # Persons
//
// Ids of users and of the humans among assessors become their HMAC-SHA256 whenever the action isn't
// keep, even if Keep lists them, or are removed with PersonIDs drop. There is no hash without a
// HashKey: without a secret key, an e-mail address can be found from its hash by trying addresses.
//
// Values nested deeper than 512 levels, or JSON in JSON text deeper than 8, aren't walked: mask
// replaces them in whole when they could hide something. Applying the same policy twice changes
// nothing more, except that hash and the ids of persons would be hashed again; Apply is for spans
// that no other instance has treated.
package content
