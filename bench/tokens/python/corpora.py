#!/usr/bin/env python3
"""Builds the corpora from text on the machine (documentation, source code, message catalogues) and from generators.

usage: corpora.py DIRECTORY [NAME...]      all of them if no name is given; deterministic for a given machine image

NAME.docs are documents, each a little-endian uint32 length and UTF-8 bytes; adv/KIND-SIZE.txt are single adversarial
texts, made by the name adv. A corpus that is there is left as it is. One whose sources are not installed on the machine
is left out, and said to be.
"""
import base64
import functools
import gettext
import glob
import gzip
import json
import os
import random
import re
import string
import struct
import subprocess
import sys
import sysconfig

OUT, NAMES = sys.argv[1], sys.argv[2:]
R = random.Random()  # every corpus starts it from its own name, so that none depends on which others are made
SIZE = 6_000_000

# The languages of message catalogues by the name of their corpus; hi and zh stand for a group of scripts each.
SCRIPTS = {"zh": "zh_CN zh_TW", "ja": "ja", "ko": "ko", "hi": "hi bn ta te mr", "ar": "ar", "ru": "ru", "th": "th",
           "de": "de", "el": "el"}
MIXED = ("zh_CN zh_TW", "ja", "ko", "ar", "hi bn ta te mr", "ru uk", "de fr es pl cs tr vi", "th ka he el")


def go_env(name):
    return subprocess.check_output(["go", "env", name], text=True).strip()


def read(path):
    try:
        return (gzip.open(path) if path.endswith(".gz") else open(path, "rb")).read().decode("utf-8")
    except (OSError, UnicodeDecodeError, EOFError):
        return ""


def shuffled(paths):
    paths = sorted(paths)
    R.shuffle(paths)
    return paths


def capped(docs, size=SIZE):
    total = 0
    for d in docs:
        if total >= size:
            return
        total += len(d.encode())
        yield d


def write(name, make):
    """Writes the documents that make returns, unless they are there."""
    path = os.path.join(OUT, name + ".docs")
    if os.path.exists(path):
        return
    R.seed(name)
    docs = [d.encode() for d in make()]
    size = sum(map(len, docs))
    if size < 100_000:
        print(f"{name}: only {size} bytes of sources on this machine, left out")
        return
    with open(path + ".new", "wb") as f:
        for b in docs:
            f.write(struct.pack("<I", len(b)) + b)
    os.rename(path + ".new", path)
    print(f"{name}: {len(docs)} documents, {size} bytes")


@functools.cache
def prose():
    """Manual pages without their markup, licences, READMEs."""
    R.seed("prose")
    docs = []
    for path in shuffled(glob.glob("/usr/share/man/man[1-8]/*.gz"))[:1500]:
        text = re.sub(r"^[.'].*$", "", read(path), flags=re.M)
        text = re.sub(r"\\f[BIRP]|\\&|\\\(..|\\e", "", text).replace("\\-", "-")
        docs.append(re.sub(r"\n{3,}", "\n\n", text).strip())
    local = [path for pattern in ("common-licenses/*", "doc/*/README*", "doc/*/copyright")
             for path in glob.glob("/usr/share/" + pattern)]
    cache = go_env("GOMODCACHE")
    modules = glob.glob(cache + "/*/*/*/README.md") + glob.glob(cache + "/*/*/README.md")
    docs += [read(p) for p in shuffled(local) + shuffled(modules)[:400]]
    docs = [d for d in docs if len(d) > 800]
    R.shuffle(docs)
    return list(capped(docs))


@functools.cache
def code():
    R.seed("code")
    paths = shuffled(glob.glob(go_env("GOROOT") + "/src/**/*.go", recursive=True))
    return list(capped(d for d in map(read, paths) if 1000 < len(d) < 200_000))


class Chat:
    """Messages as they sit in span attributes: text, code, tables, tool definitions, calls and results."""

    def __init__(self, prose, code):
        self.paragraphs = [p.strip() for d in prose for p in d.split("\n\n") if 80 < len(p) < 1500]
        self.snippets = []
        for d in code + [read(p) for p in shuffled(glob.glob(sysconfig.get_paths()["stdlib"] + "/*.py"))]:
            lines = d.split("\n")
            at = R.randrange(max(1, len(lines) - 40))
            self.snippets.append("\n".join(lines[at : at + R.randrange(5, 40)]))

    def paragraph(self):
        return R.choice(self.paragraphs)

    def noun(self):
        return R.choice("weather orders tickets documents repository customer invoice metrics calendar file".split())

    def verb(self):
        return R.choice("get list search create update run read_file query fetch summarize".split())

    def uuid(self):
        return "%08x-%04x-4%03x-a%03x-%012x" % tuple(R.getrandbits(n) for n in (32, 16, 12, 12, 48))

    def content(self):
        kind = R.random()
        if kind < 0.45:
            return "\n\n".join(self.paragraph() for _ in range(R.randrange(1, 5)))
        if kind < 0.7:
            fence = f"```{R.choice(['go', 'python', ''])}\n{R.choice(self.snippets)}\n```"
            return f"{self.paragraph()}\n\n{fence}\n\n{self.paragraph()}"
        if kind < 0.85:
            return (f"1. **{self.paragraph()[:60]}**\n2. {self.paragraph()[:200]}\n"
                    f"- {self.paragraph()[:120]}\n\n"
                    f"| a | b |\n|---|---|\n| {R.randrange(9999)} | {R.random() * 100:.3f} |")
        moment = lambda: tuple(map(R.randrange, (1, 1, 0, 0, 0, 0), (13, 29, 24, 60, 60, 1000)))
        rows = [{"id": self.uuid(), "score": round(R.random(), 6), "title": self.paragraph()[:70],
                 "url": f"https://example.com/{self.noun()}/{self.uuid()}",
                 "ts": "2026-%02d-%02dT%02d:%02d:%02d.%03dZ" % moment()}
                for _ in range(R.randrange(1, 6))]
        return json.dumps({"results": rows}, indent=R.choice([None, 2]))

    def tool(self):
        properties = {self.noun() + "_id": {"type": "string", "description": self.paragraph()[:80]},
                      "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                      "include_deleted": {"type": "boolean", "default": False}}
        return {"type": "function", "function": {
            "name": self.verb() + "_" + self.noun(), "description": self.paragraph()[:200],
            "parameters": {"type": "object", "properties": properties, "required": ["limit"]}}}

    def messages(self):
        out = [{"role": "system", "parts": [{"type": "text", "content": self.paragraph()}]}]
        for _ in range(R.randrange(1, 7)):
            out.append({"role": "user", "parts": [{"type": "text", "content": self.content()}]})
            if R.random() < 0.35:
                call = "call_" + "".join(R.choices(string.ascii_letters + string.digits, k=24))
                out.append({"role": "assistant", "parts": [
                    {"type": "tool_call", "id": call, "name": self.verb() + "_" + self.noun(),
                     "arguments": {"q": self.paragraph()[:60], "limit": R.randrange(100)}}]})
                out.append({"role": "tool", "parts": [
                    {"type": "tool_call_response", "id": call, "result": self.content()}]})
            out.append({"role": "assistant", "parts": [{"type": "text", "content": self.content()}],
                        "finish_reason": "stop"})
        if R.random() < 0.3:
            out = {"model": "gpt-4o-2024-08-06", "temperature": 0.7,
                   "tools": [self.tool() for _ in range(R.randrange(1, 4))], "messages": out}
        return json.dumps(out, ensure_ascii=R.random() < 0.3, separators=R.choice([(",", ":"), (", ", ": ")]))


@functools.cache
def chat():
    return Chat(prose(), code())


def catalogues(languages, size):
    """Documents of 25 messages each, from the message catalogues of these languages."""
    docs = []
    for language in languages.split():
        for path in shuffled(glob.glob(f"/usr/share/locale/{language}/LC_MESSAGES/*.mo")):
            try:
                catalogue = gettext.GNUTranslations(open(path, "rb"))._catalog
            except (OSError, UnicodeDecodeError, struct.error):
                continue
            messages = sorted((k, v) for k, v in catalogue.items() if k and isinstance(k, str) and v)
            messages = [v for _, v in messages]
            docs += ["\n".join(messages[i : i + 25]) for i in range(0, len(messages), 25)]
    docs = [d for d in docs if len(d) > 200]
    R.shuffle(docs)
    return list(capped(docs, size))


def multilingual():
    """The same amount of each group of languages."""
    docs = [d for languages in MIXED for d in catalogues(languages, 600_000)]
    R.shuffle(docs)
    return docs


def unrepeated():
    """Pseudo-words, hexadecimal and base64: pieces that hardly ever repeat, so that no memory of them helps."""
    syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ar", "en", "is", "ou")]
    word = lambda: "".join(R.choices(syllables, k=R.randrange(3, 7)))
    capital, hexadecimal = lambda: word().capitalize(), lambda: "%016x" % R.getrandbits(64)
    kinds = [word] * 14 + [capital, hexadecimal, lambda: base64.b64encode(R.randbytes(12)).decode()] * 2
    return [" ".join(R.choice(kinds)() for _ in range(600)) for _ in range(400)]


def adversarial():
    drawn = lambda alphabet: lambda n: "".join(random.Random(3).choices(alphabet, k=n))
    kinds = {
        "a": lambda n: "a" * n,
        "upper": lambda n: "A" * n,
        "space": lambda n: " " * n,
        "newline": lambda n: "\n" * n,
        "nul": lambda n: "\0" * n,
        "bang": lambda n: "!" * n,
        "apos": lambda n: "'" * n,
        "crlf": lambda n: "\r\n" * (n // 2),
        "ab": lambda n: "ab" * (n // 2),
        "aA": lambda n: "aA" * (n // 2),
        "digits": lambda n: "0123456789" * (n // 10),
        "tab_x": lambda n: " " * (n - 1) + "x",
        "combining": lambda n: "e" + "\u0301" * ((n - 1) // 2),
        "zwj": lambda n: "\u200d" * (n // 3),
        "han": lambda n: "\u4e2d" * (n // 3),
        "hanrand": lambda n: "".join(chr(0x4E00 + (i * 7919 + i * i) % 20900) for i in range(n // 3)),
        "b64": lambda n: base64.b64encode(random.Random(2).randbytes(n * 3 // 4)).decode(),
        "hex": drawn("0123456789abcdef"),
        "letters": drawn("abcdefghijklmnopqrstuvwxyz"),
        "punct": drawn("!@#$%^&*()-=+[]{};:,.<>?|~"),
        "widths": lambda n: "".join(" " * (60 + i * 7 % 90) + "x\n" for i in range(n // 107)),
    }
    new = os.path.join(OUT, "adv.new")
    os.makedirs(new, exist_ok=True)
    for kind, make in kinds.items():
        for n in (262144, 524288, 1048576):
            with open(os.path.join(new, f"{kind}-{n}.txt"), "wb") as f:
                f.write(make(n).encode())
    os.rename(new, os.path.join(OUT, "adv"))


CORPORA = {
    "prose": prose,
    "chat_json": lambda: capped(chat().messages() for _ in range(1200)),
    "code": code,
    "short": lambda: (chat().paragraph()[: R.randrange(10, 120)] for _ in range(20000)),
    "multilingual": multilingual,
    "uniq": unrepeated,
    **{name: functools.partial(catalogues, languages, 1_000_000) for name, languages in SCRIPTS.items()},
}

os.makedirs(OUT, exist_ok=True)
for name in NAMES or [*CORPORA, "adv"]:
    if name != "adv":
        write(name, CORPORA[name])
    elif not os.path.isdir(os.path.join(OUT, "adv")):
        adversarial()
