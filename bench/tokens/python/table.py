#!/usr/bin/env python3
"""Prints the results of run.sh as tables: Python tiktoken in MB/s, the others as multiples of it. Best over the rounds.

usage: table.py RESULTS.jsonl
"""
import json
import sys

best, loads, errors = {}, {}, {}
tools, corpora, encodings = [], [], []
for line in open(sys.argv[1]):
    r = json.loads(line)
    for value, seen in ((r["tool"], tools), (r["encoding"], encodings)):
        if value not in seen:
            seen.append(value)
    if "load_seconds" in r:
        key = r["encoding"], r["tool"]
        if key not in loads or r["load_seconds"] < loads[key]["load_seconds"]:
            loads[key] = r
    elif "seconds_min" in r:
        if r["corpus"] not in corpora:
            corpora.append(r["corpus"])
        key = r["encoding"], r["corpus"], r["tool"]
        b = best.setdefault(key, {"min": 9e9, "first": 9e9, **r})
        b["min"], b["first"] = min(b["min"], r["seconds_min"]), min(b["first"], r["seconds_first"])
        known = errors.setdefault((r["encoding"], r["corpus"]), {})
        known[r["tool"]] = r["tokens"]


def table(title, encoding, names, cell):
    present = [t for t in tools if any((encoding, c, t) in best for c in names)]
    if not present:
        return
    print(f"\n{encoding}, {title}\n\n| | " + " | ".join(present) + " |\n|---|" + "---:|" * len(present))
    for c in names:
        print(f"| {c.rsplit('.', 1)[0]} | " + " | ".join(cell(encoding, c, t) for t in present) + " |")


def ratio(which):
    def cell(encoding, corpus, tool):
        r, base = best.get((encoding, corpus, tool)), best.get((encoding, corpus, "tiktoken"))
        if not r or not base:
            return "-"
        if tool == "tiktoken":
            return f"{r['bytes'] / r[which] / 1e6:.1f} MB/s"
        return f"{base[which] / r[which]:.2f}"
    return cell


def milliseconds(encoding, corpus, tool):
    r = best.get((encoding, corpus, tool))
    return f"{r['first'] * 1e3:.1f}" if r else "-"


documents = [c for c in corpora if c.endswith(".docs")]
texts = [c for c in corpora if not c.endswith(".docs")]
for e in encodings:
    table("steady state (best pass), multiples of Python tiktoken", e, documents, ratio("min"))
    table("first pass of a fresh process", e, documents, ratio("first"))
    table("one adversarial text, first call in ms", e, texts, milliseconds)
print("\n| encoding | tool | first use ms | resident MB added |\n|---|---|---:|---:|")
for (e, t), r in loads.items():
    print(f"| {e} | {t} | {r['load_seconds'] * 1e3:.1f} | {(r['rss_loaded_kb'] - r['rss_before_kb']) / 1024:.1f} |")
for (e, c), known in errors.items():
    if len(set(known.values())) > 1:
        print(f"\ntoken totals differ: {e} {c} {known}")
