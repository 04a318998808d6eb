"""Writes JSON texts and what Python makes of them, one pair in each line: text, tab, json.dumps(json.loads(text), ensure_ascii=False).

    python3 vectors.py 20000 | gzip -9n > vectors.tsv.gz

The second column is left out where it equals the first. The seed is the optional second argument.
"""

import json
import math
import random
import struct
import sys

count = int(sys.argv[1])
rnd = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
alphabets = ["abc xyz", 'ab"\\/', "\x00\x01\b\t\n\x0c\r\x1f\x20\x7f", "éßñ", "ключ", "日本語", "😀🎉𝄞", "\u2028\u2029\ufeff\ufffd", "=[{,:}]"]


def a_float():
    kind = rnd.randrange(6)
    if kind == 0:
        return struct.unpack("<d", rnd.getrandbits(64).to_bytes(8, "little"))[0]
    if kind == 1:
        return rnd.choice([1e-4, 1e-5, 1e15, 1e16, 1e17, 1e22, 1e23, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.0, -0.0, math.inf, -math.inf, math.nan])
    if kind == 2:
        return math.nextafter(rnd.choice([1e-4, 1e16, 1e15, 1.0, 1e21]), rnd.choice([-math.inf, math.inf]))
    if kind == 3:
        return round(rnd.uniform(-100, 100), rnd.randrange(6))
    if kind == 4:
        return float(rnd.getrandbits(rnd.randrange(1, 70)))
    return rnd.uniform(0, 1) * 10.0 ** rnd.randrange(-12, 25)


def a_number_text():
    text = rnd.choice(["", "-"]) + str(rnd.getrandbits(rnd.choice([0, 1, 8, 63, 64, 90])) if rnd.random() < 0.8 else 0)
    if rnd.random() < 0.6:
        text += "." + str(rnd.getrandbits(20)).rjust(rnd.randrange(1, 9), "0")
    if rnd.random() < 0.5:
        text += rnd.choice("eE") + rnd.choice(["", "+", "-"]) + str(rnd.randrange(340)).rjust(rnd.randrange(1, 4), "0")
    return text


def a_string():
    letters = "".join(rnd.sample(alphabets, rnd.randrange(1, 4)))
    return "".join(rnd.choice(letters) for _ in range(rnd.choice([0, 1, 3, 7, 8, 9, 15, 16, 17, 30])))


def a_value(depth):
    kind = rnd.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return rnd.choice([None, True, False])
    if kind == 1:
        return rnd.getrandbits(rnd.choice([1, 8, 63, 64, 90])) * rnd.choice([1, -1])
    if kind == 2:
        return a_float()
    if kind < 5:
        return a_string()
    if kind < 7:
        return {a_string(): a_value(depth + 1) for _ in range(rnd.randrange(5))}
    return [a_value(depth + 1) for _ in range(rnd.randrange(5))]


def a_text():
    kind = rnd.randrange(10)
    if kind < 5:
        return repr_of(a_float())
    if kind < 7:
        return a_number_text()
    if kind < 9:
        return json.dumps(a_string(), ensure_ascii=rnd.random() < 0.5)
    return json.dumps(a_value(0), ensure_ascii=rnd.random() < 0.5, separators=rnd.choice([None, (",", ":"), (" , ", " : ")]))


def repr_of(f):
    return json.dumps(f)


for _ in range(count):
    text = a_text()
    want = json.dumps(json.loads(text), ensure_ascii=False)
    line = text if text == want else text + "\t" + want
    assert line.count("\t") <= 1 and "\n" not in line
    sys.stdout.buffer.write(line.encode() + b"\n")
