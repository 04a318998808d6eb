// Package verify counts in the tables what has arrived. The ingest endpoint is known to answer 200 and store nothing, so its answers prove nothing.
//
// While data flows a ledger remembers the ids of the spans that were acknowledged, table by table. When a run has come to its end they are counted by SQL, again and
// again until everything is there or the time is over, since rows become visible within minutes only. What can't be counted is said to be not verified, and why.
package verify
