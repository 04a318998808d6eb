#!/usr/bin/env python3
"""Compares token counts with Python tiktoken on random strings, in all four vocabularies.

usage: differential.py HARNESS --all                          what run.sh --differential does
       differential.py HARNESS KIND STRINGS [SEED]            one kind
       differential.py HARNESS sample HOSTILE.jsonl SCRIPTS.jsonl    the samples that `go test` keeps

HARNESS is the built harness of bench/tokens. KIND is "hostile" (mixes of scripts, whitespace, contractions, digits and
punctuation), "any" (characters of all scripts) or a script of SCRIPTS. Exits with 1 and prints the first differences if
there are any. The samples are strings of moderate length with their counts: gzipped, they are
testdata/differential.jsonl.gz and testdata/scripts.jsonl.gz of package tokens.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import tiktoken

ENCODINGS = ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
POOLS = [
    list(LETTERS), list(LETTERS.upper()), list("0123456789"), list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    list(" \t\n\r\x0b\x0c"), list(" \u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000"),
    list("\x00\x01\x1f\x7f\x80\x9f"),
    ["'s", "'S", "'t", "'T", "'re", "'RE", "'Ve", "'m", "'ll", "'lL", "'d", "'\u017f", "'\u212a", "''", "'", "'l", "'r",
     "\u2019s"],
    list("\u00e9\u00df\u00c9\u00f1\u0130\u0131\u01c5\u01c8\u02b0\u02bc\u00aa\u00ba\u01c4\u01c6"),
    list("\u0300\u0301\u0308\u20dd\u0903\u0488\ufe0f\u200d\u200c"),
    list("\u4e2d\u6587\u65e5\u672c\u8a9e\u3042\u30ab\u3001\u3002\u304c"), list("\ud55c\uad6d\uc5b4"),
    list("\u0430\u0431\u0410\u0411\u0451"), list("\u0627\u0644\u0639\u0631\u0628\u064a\u0629\u064b"),
    list("\u0939\u093f\u0928\u094d\u0926\u0940"), list("\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\u0e48"),
    list("\u0661\u0662\u00b2\u00bd\u2167\u3007\u0e51\U0001d7d8\u2460"),
    list("\U0001f600\U0001f44d\U0001f3fd\U0001f1e9\U0001f1ea\u2764\U0001f468"),
    list("\U00010400\U00010428\U0001d400\U000105c4\U00013473\U00016d40\U00010d50\U00010d70\U0001ccf0"),
    list("/\r\n"), ["\r\n", "\n\n", " \n", "\n ", "  ", "\t\t", "   \n\n  "],
    list("\ufffd\ufeff\ue000\U000e0001\ufdd0"),
    ["the", " the", "The", "THE", "ing", " function", "return", "camelCase", "HTTPServer", "http://", "://", "==",
     "----",
     "/*", "*/", "//", "\\n", "{\"", "\":", "<|endoftext|>", "<|im_start|>"],
    ["aaaaaaaa", "        ", "\n\n\n\n", "!!!!!!!!", "========", "12345678", "abababab", "\u4e2d\u4e2d\u4e2d\u4e2d",
     "xqzjvkwp", "AAAAAAAA"],
]
# By script: its common characters, and the ranges that the others are drawn from.
SCRIPTS = {
    "zh": ("\u7684\u4e00\u662f\u4e0d\u4e86\u4eba\u6211\u5728\u6709\u4ed6\u8fd9\u6587\u4ef6\u5728\u4ee5\u4e2d"
           "\u5927\u4e3a"
           "\u4e0a\u4e2a\u56fd\u548c\u5730\u5230\u8bf4\u65f6\u8981\u5c31\u51fa\u4f1a\u3001\u3002\uff0c",
           [(0x4E00, 0xA000), (0x3000, 0x3040), (0xFF00, 0xFFEF), (0x3400, 0x4DC0)]),
    "ja": ("\u306e\u306b\u306f\u3092\u305f\u304c\u3067\u3066\u3068\u3057\u308c\u3055\u3044\u308b\u30a4\u30eb"
           "\u30fc\u30d5"
           "\u30a1\u30b9\u30c8\u30f3\u8a9e\u65e5\u672c\u4eba\u5927\u3001\u3002", [(0x3041, 0x3100), (0x4E00, 0xA000)]),
    "ko": ("\uc774\ub2e4\ub294\uc5d0\uac00\ud558\uc744\uc2dc\uc9c0\ud574\uace0\ub85c\uc758\uc0ac\ub97c\uae30"
           "\ud55c\ub9ac",
           [(0xAC00, 0xD7A4), (0x3130, 0x3190), (0x1100, 0x1200)]),
    "hi": ("\u0915\u093e\u0930\u094d\u092f\u0928\u0939\u0940\u0902\u0947\u0938\u0924\u092e\u093f\u0995\u09be"
           "\u09b0\u09cd"
           "\u0ba4\u0bc1\u0bbf\u0c30\u0c4d\u0964", [(0x0900, 0x0A00), (0x0B80, 0x0C80)]),
    "ar": ("\u0627\u0644\u0645\u0641\u064a\u0629\u0648\u0646\u0631\u062a\u0628\u0639\u064b\u064e\u060c\u061f",
           [(0x0600, 0x0700), (0x0750, 0x0780), (0xFB50, 0xFE00)]),
    "ru": ("\u043f\u0440\u0438\u0432\u0435\u0442\u043e\u0430\u0441\u043d\u043b\u043a\u0434\u043c\u044f\u0447"
           "\u041d\u041f"
           "\u0421\u0419", [(0x0400, 0x0530)]),
    "th": ("\u0e01\u0e32\u0e23\u0e43\u0e0a\u0e49\u0e07\u0e19\u0e44\u0e1f\u0e25\u0e4c\u0e17\u0e35\u0e48\u0e2d"
           "\u0e40\u0e1b"
           "\u0e47\u0e21\u0e31", [(0x0E01, 0x0E5C)]),
    "de": (LETTERS + "einsrtead\u00e4\u00f6\u00fc\u00df\u00c4\u00d6\u00dc" * 2, [(0x00C0, 0x0250), (0x1E00, 0x1F00)]),
    "el": ("\u03b1\u03c1\u03c7\u03b5\u03af\u03bf\u03c5\u03c4\u03bd\u03c3\u03b9\u03ba\u03c0\u03bb\u03bc\u03b7"
           "\u03ac\u03cc"
           "\u03a4\u0391", [(0x0370, 0x0400), (0x1F00, 0x2000)]),
    "any": ("", [(0x80, 0x250), (0x370, 0x600), (0x600, 0xE60), (0x1000, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2800),
                 (0x3000, 0xA000), (0xAC00, 0xD7A4), (0xF900, 0x10000), (0x1F300, 0x1FB00)]),
}
BETWEEN = [" ", " ", " ", "\n", ". ", ", ", "(", ")", "/", "-", "%s", "1", "2026", "ab", "The", "'s", ""
           "\u200c", "\u200d",
           "\u2026", "\u201c", "\u00a0", "\U0001f600", "\u0301", "\x00"]
PARTS = "".join(chr(c) for c in range(0x80, 0x100))  # two bytes each, so that their beginnings and ends meet the others'

R = random.Random()


def scalar():
    ranges = (0x20, 0x7f), (0x80, 0x800), (0x800, 0x10000), (0x10000, 0x110000), (0x10000, 0x20000)
    while True:
        c = R.randrange(*R.choice(ranges))
        if not 0xd800 <= c < 0xe000:
            return chr(c)


def length():
    return R.choice((1, 2, 3, 5, 8, 13, 20, 40, 80, 150)) if R.random() < .97 else R.randrange(300, 3000)


def hostile():
    kind, n = R.random(), length()
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


def of_script(name):
    """Returns a string of words of a script: common characters, rare ones, and what stands between and beside them."""
    common, ranges = SCRIPTS[name]
    rare, between = R.choice((0, .02, .2, .9)) if common else 1, R.choice((.02, .1, .3))
    out, n = [], length() // 2 + 1
    for _ in range(n):
        x = R.random()
        if x < between:
            out.append(R.choice(BETWEEN if R.random() < .9 else PARTS))
        elif R.random() < rare:
            c = R.randrange(*R.choice(ranges))
            out.append("\u4e00" if 0xd800 <= c < 0xe000 else chr(c))
        else:
            out.append(R.choice(common) * (R.randrange(2, 20) if x > .995 else 1))
    return "".join(out)


def maker(kind):
    return hostile if kind == "hostile" else lambda: of_script(kind)


def compare(harness, kind, total, seed):
    """Returns how many counts differ, over all encodings."""
    R.seed(f"{kind} {seed}")
    done = different = 0
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "strings.docs")
        while done < total:
            texts = [maker(kind)() for _ in range(min(50000, total - done))]
            with open(path, "wb") as f:
                for b in map(str.encode, texts):
                    f.write(struct.pack("<I", len(b)) + b)
            for name in ENCODINGS:
                counts, wanted = count(harness, name, path), reference(name, texts)
                assert len(counts) == len(texts)
                for text, got, want in zip(texts, counts, wanted):
                    if got != want:
                        different += 1
                        if different <= 20:
                            print(json.dumps({"encoding": name, "text": text, "tiktoken": want, "harness": got}))
            done += len(texts)
    print(json.dumps({"kind": kind, "strings": done, "encodings": len(ENCODINGS), "different": different}), flush=True)
    return different


def count(harness, encoding, path):
    environment = {**os.environ, "BENCH_COUNTS": "1", "BENCH_REPS": "1"}
    out = subprocess.run([harness, encoding, path], capture_output=True, text=True, check=True, env=environment).stdout
    return next(line["counts"] for line in map(json.loads, out.splitlines()) if "counts" in line)


def reference(encoding, texts):
    encode = tiktoken.get_encoding(encoding).encode_ordinary
    return [len(encode(s)) for s in texts]


def sample(path, kinds, each):
    """Writes that many strings of each kind, with the counts of tiktoken."""
    R.seed("sample")
    texts = []
    for kind in kinds:
        made = maker(kind)
        some = (s for s in iter(made, None) if len(s) < 200)
        texts += [next(some) for _ in range(each)]
    counts = [reference(name, texts) for name in ENCODINGS]
    with open(path, "w") as f:
        for text, *row in zip(texts, *counts):
            print(json.dumps({"text": text, "counts": dict(zip(ENCODINGS, row))}), file=f)


def main():
    harness, kind, *rest = sys.argv[1:]
    if kind == "sample":
        sample(rest[0], ["hostile"], 4000)
        sample(rest[1], SCRIPTS, 300)
        return 0
    if kind != "--all":
        return compare(harness, kind, int(rest[0]), rest[1] if len(rest) > 1 else 1) > 0
    different = compare(harness, "hostile", 250_000, 1)
    for script in SCRIPTS:
        different += compare(harness, script, 200_000, 1)
    return different > 0


sys.exit(main())
