#!/usr/bin/env python3
"""Compares token counts with Python tiktoken on random nasty strings: mixes of scripts, whitespace, contractions, digits and punctuation.

usage: differential.py HARNESS STRINGS [SEED [SAMPLE.jsonl]]

HARNESS is the built harness of this folder. Exits with 1 and prints the first differences if there are any. SAMPLE.jsonl gets the first 4000
strings of moderate length with their counts: testdata/differential.jsonl.gz of package tokens is such a file.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import tiktoken

harness, total, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
R = random.Random(seed)
ENCODINGS = ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"]
POOLS = [
    list("abcdefghijklmnopqrstuvwxyz"), list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), list("0123456789"), list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    list(" \t\n\r\x0b\x0c"), list(" \u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"), list("\x00\x01\x1f\x7f\x80\x9f"),
    ["'s", "'S", "'t", "'T", "'re", "'RE", "'Ve", "'m", "'ll", "'lL", "'d", "'\u017f", "'\u212a", "''", "'", "'l", "'r", "\u2019s"],
    list("\u00e9\u00df\u00c9\u00f1\u0130\u0131\u01c5\u01c8\u02b0\u02bc\u00aa\u00ba\u01c4\u01c6"), list("\u0300\u0301\u0308\u20dd\u0903\u0488\ufe0f\u200d\u200c"),
    list("\u4e2d\u6587\u65e5\u672c\u8a9e\u3042\u30ab\u3001\u3002\u304c"), list("\ud55c\uad6d\uc5b4"), list("\u0430\u0431\u0410\u0411\u0451"), list("\u0627\u0644\u0639\u0631\u0628\u064a\u0629\u064b"),
    list("\u0939\u093f\u0928\u094d\u0926\u0940"), list("\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\u0e48"), list("\u0661\u0662\u00b2\u00bd\u2167\u3007\u0e51\U0001d7d8\u2460"),
    list("\U0001f600\U0001f44d\U0001f3fd\U0001f1e9\U0001f1ea\u2764\U0001f468"), list("\U00010400\U00010428\U0001d400\U000105c4\U00013473\U00016d40\U00010d50\U00010d70\U0001ccf0"),
    list("/\r\n"), ["\r\n", "\n\n", " \n", "\n ", "  ", "\t\t", "   \n\n  "], list("\ufffd\ufeff\ue000\U000e0001\ufdd0"),
    ["the", " the", "The", "THE", "ing", " function", "return", "camelCase", "HTTPServer", "http://", "://", "==", "----", "/*", "*/", "//", "\\n", "{\"", "\":", "<|endoftext|>", "<|im_start|>"],
    ["aaaaaaaa", "        ", "\n\n\n\n", "!!!!!!!!", "========", "12345678", "abababab", "\u4e2d\u4e2d\u4e2d\u4e2d", "xqzjvkwp", "AAAAAAAA"],
]

def scalar():
    while True:
        c = R.choice((R.randrange(0x20, 0x7f), R.randrange(0x80, 0x800), R.randrange(0x800, 0x10000), R.randrange(0x10000, 0x110000), R.randrange(0x10000, 0x20000)))
        if not 0xd800 <= c < 0xe000:
            return chr(c)

def string():
    kind = R.random()
    n = R.choice((1, 2, 3, 5, 8, 13, 20, 40, 80, 150)) if R.random() < .97 else R.randrange(300, 3000)
    if kind < .08:
        return "".join(scalar() for _ in range(n))
    if kind < .16:
        return "".join(chr(R.randrange(128)) for _ in range(n))
    if kind < .24:  # mostly long runs
        return "".join(R.choice(R.choice(POOLS)) * R.randrange(1, 40) for _ in range(R.randrange(1, 8)))
    pools = R.sample(POOLS, R.randrange(1, 6))
    if kind < .6:
        pools = [p for p in pools if all(x.isascii() for x in p)] or [POOLS[0], POOLS[4], POOLS[7]]
    return "".join(R.choice(R.choice(pools)) for _ in range(n))

encs = {e: tiktoken.get_encoding(e) for e in ENCODINGS}
done = bad = 0
sample = open(sys.argv[4], "w") if len(sys.argv) > 4 else None
sampled = 0
with tempfile.TemporaryDirectory() as tmp:
    path = os.path.join(tmp, "fuzz.docs")
    while done < total:
        texts = [string() for _ in range(min(50000, total - done))]
        with open(path, "wb") as f:
            for s in texts:
                b = s.encode()
                f.write(struct.pack("<I", len(b)) + b)
        wanted = []
        for name, enc in encs.items():
            out = subprocess.run([harness, name, path], capture_output=True, text=True, check=True, env={**os.environ, "BENCH_COUNTS": "1", "BENCH_REPS": "1"}).stdout
            counts = next(j["counts"] for j in map(json.loads, out.splitlines()) if "counts" in j)
            assert len(counts) == len(texts)
            wanted.append([len(enc.encode_ordinary(s)) for s in texts])
            for s, got, want in zip(texts, counts, wanted[-1]):
                if got != want:
                    bad += 1
                    if bad <= 20:
                        print(json.dumps({"encoding": name, "text": s, "tiktoken": want, "harness": got}), flush=True)
        for s, *counts in zip(texts, *wanted):
            if sample and sampled < 4000 and len(s) < 200:
                sampled += 1
                print(json.dumps({"text": s, "counts": dict(zip(ENCODINGS, counts))}), file=sample)
        done += len(texts)
        print(json.dumps({"strings": done, "encodings": len(encs), "different": bad}), flush=True)
sys.exit(bad > 0)
