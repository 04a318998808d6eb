#!/usr/bin/env python3
"""Prints the results of run.sh as tables: Python tiktoken in MB/s, the others as multiples of it.

usage: table.py RESULTS.jsonl

Figures are CPU time, the best of all rounds: other work on the machine lengthens wall time more than these. If another
revision was measured too, the time of an adversarial text is followed by its ratio to the time of that revision.
"""
import json
import sys

best, loads, totals = {}, {}, {}
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
    elif "cpu_min" in r:
        if r["corpus"] not in corpora:
            corpora.append(r["corpus"])
        key = r["encoding"], r["corpus"], r["tool"]
        b = best.setdefault(key, {"min": 9e9, "first": 9e9, **r})
        b["min"], b["first"] = min(b["min"], r["cpu_min"]), min(b["first"], r["cpu_first"])
        totals.setdefault((r["encoding"], r["corpus"]), {})[r["tool"]] = r["tokens"]


def table(title, encoding, names, cell):
    present = [t for t in tools if any((encoding, c, t) in best for c in names)]
    if not present:
        return
    print(f"\n{encoding}, {title}\n\n| | " + " | ".join(present) + " |\n|---|" + "---:|" * len(present))
    for c in names:
        print(f"| {c.rsplit('.', 1)[0]} | " + " | ".join(cell(encoding, c, t) for t in present) + " |")


def multiple(which):
    def cell(encoding, corpus, tool):
        r, reference = best.get((encoding, corpus, tool)), best.get((encoding, corpus, "tiktoken"))
        if not r or not reference:
            return "-"
        if tool == "tiktoken":
            return f"{r['bytes'] / r[which] / 1e6:.1f} MB/s"
        return f"{reference[which] / r[which]:.2f}"
    return cell


def milliseconds(encoding, corpus, tool):
    r, base = best.get((encoding, corpus, tool)), best.get((encoding, corpus, "base"))
    if not r:
        return "-"
    beside = f" ({r['first'] / base['first']:.2f})" if base and tool == "otelcol-mlflow" else ""
    return f"{r['first'] * 1e3:.2f}{beside}"


documents = [c for c in corpora if c.endswith(".docs")]
texts = [c for c in corpora if not c.endswith(".docs")]
for e in encodings:
    table("steady state (best pass), multiples of Python tiktoken", e, documents, multiple("min"))
    table("first pass of a fresh process, multiples of Python tiktoken", e, documents, multiple("first"))
    table("one adversarial text, first call in ms", e, texts, milliseconds)
print("\n| encoding | tool | first use ms | resident MB added |\n|---|---|---:|---:|")
for (e, t), r in loads.items():
    added = (r["rss_loaded_kb"] - r["rss_before_kb"]) / 1024
    print(f"| {e} | {t} | {r['load_seconds'] * 1e3:.1f} | {added:.1f} |")
for (e, c), known in totals.items():
    if len(set(known.values())) > 1:
        print(f"\ntoken totals differ: {e} {c} {known}")
