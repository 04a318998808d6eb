#!/usr/bin/env python3
"""Measures Python tiktoken in the same JSON lines as the other harnesses (see harness/harness.go).

usage: bench.py ENCODING FILE...
"""
import json
import os
import struct
import sys
import time


def memory(key):
    with open("/proc/self/status") as f:
        return next((int(line.split()[1]) for line in f if line.startswith(key + ":")), 0)


def read(path):
    data = open(path, "rb").read()
    if not path.endswith(".docs"):
        return [data.decode("utf-8")]
    docs, p = [], 0
    while p + 4 <= len(data):
        (n,) = struct.unpack_from("<I", data, p)
        docs.append(data[p + 4 : p + 4 + n].decode("utf-8"))
        p += 4 + n
    return docs


def measure(path, count, reps, budget):
    docs = read(path)
    size = sum(len(d.encode()) for d in docs)
    passes, cpus = [], []
    while not passes or (len(passes) < reps and sum(passes) < budget):
        t, cpu = time.perf_counter(), time.process_time()
        tokens = sum(map(count, docs))
        passes.append(time.perf_counter() - t)
        cpus.append(time.process_time() - cpu)
    result = {"corpus": os.path.basename(path), "bytes": size, "docs": len(docs), "tokens": tokens,
              "seconds_min": min(passes), "seconds_first": passes[0], "cpu_min": min(cpus), "cpu_first": cpus[0], "passes": len(passes),
              "mb_s": size / min(passes) / 1e6, "rss_peak_kb": memory("VmHWM")}
    if os.environ.get("BENCH_COUNTS"):
        result["counts"] = [count(d) for d in docs]
    return result


def main():
    name, files = sys.argv[1], sys.argv[2:]
    line = {"tool": "tiktoken", "encoding": name}
    before, t = memory("VmRSS"), time.perf_counter()
    import tiktoken
    encoding = tiktoken.get_encoding(name)
    count = lambda s: len(encoding.encode_ordinary(s))
    hello = count("hello world")
    print(json.dumps(line | {"load_seconds": time.perf_counter() - t, "hello_tokens": hello, "rss_before_kb": before,
                             "rss_loaded_kb": memory("VmRSS"), "rss_peak_load_kb": memory("VmHWM")}), flush=True)
    reps, budget = float(os.environ.get("BENCH_REPS", 5)), float(os.environ.get("BENCH_MAX_S", 8))
    for path in files:
        try:
            result = measure(path, count, reps, budget)
        except BaseException as x:  # its regex engine panics on a megabyte of spaces
            result = {"corpus": os.path.basename(path), "error": repr(x)[:200]}
        print(json.dumps(line | result), flush=True)


main()
