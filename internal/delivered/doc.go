// Copyright The otelcol-mlflow Authors
// SPDX-License-Identifier: Apache-2.0

// Package delivered keeps the set of delivered traces of an experiment in a storage: for each trace
// 10 bytes (hash and shape), for each UTC day of the traces' timestamps what its last listing saw.
// It knows nothing of networks, of pdata and of logs.
//
// # Records
//
// All keys follow from the index; no Walk is needed. <set> is the name of the set: source and
// experiment.
//
//	days/<set>                    the index: which months there are, which days were listed
//	days/<set>/2006-01            a month: of each day its Day, and of each chunk the minutes of its traces
//	ids/<set>/2006-01-02/<n>      chunk n of a day: entries in the order of delivery, ChunkSize at most
//	late/<set>/2006-01-02/<n>     digests of the entries of that chunk: what may change late
//
// The last chunk of a day is written again until it is full. A trace that is delivered again, since
// its shape or its digest changed, is appended again; the last entry counts. Nothing is compacted.
//
// # Writing
//
// Changes gathers what is to be written of one or more experiments, and gives it in an order of
// which every prefix is a valid state, since not every storage applies a Batch as a whole: first
// what was delivered (chunks, digests), then what is known to be undelivered (open traces and the
// position, which lists their pages), then what says that days need not be listed (months, index),
// then deletions. Whatever is lost of that is listed again, and what is listed again is found in
// the set.
//
// # How an engine uses it
//
//	set, err := delivered.Open(ctx, client, source+"/"+experiment, now)
//	if what was listed proves nothing any more: set.Reopen(now), written before anything else
//	days, err := set.Days(ctx)                       // with reconcile.NewPlan: which ranges are to be listed
//	for each range:
//	    listing, after, err := set.List(ctx, from, to)   // after: where an unfinished listing stands
//	    for each page of infos after it:
//	        known, err := set.Has(ctx, traces)       // New and Grown ones are read and sent
//	    in the order of the pages, once everything of the page is delivered or open, and under the
//	    lock under which changes are gathered, so that a Batch has all of it or nothing:
//	        open traces are put or dropped; set.Add(ctx, accepted); listing.Page(ctx, traces, upto, now)
//	    at the page without infos: listing.End(ctx, now)
//	saver, for all experiments with changes:
//	    var all delivered.Changes
//	    c := set.Changes(); c.Open, c.Position = …; all.Append(c)
//	    client.Batch(ctx, all.Operations()...)       // again until it succeeds
//	    set.Applied()
//	at the end: set.Damage() names what could not be read; its days are not closed, so that they are listed again
//
// Has, Add and Page read the storage where they must, many keys in one Batch: in file_storage each
// call is a write transaction.
package delivered
