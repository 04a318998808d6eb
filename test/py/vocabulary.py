"""Gives tiktoken the vocabularies that are part of this project, so that it downloads nothing.

    PYTHON vocabulary.py DIR      writes the files that tiktoken would download; then run with TIKTOKEN_CACHE_DIR=DIR
    import vocabulary             in a script, before tiktoken counts: puts them beside the packages of this environment, once

tiktoken checks the published SHA-256 of each file, so what is packed here can't differ from what OpenAI publishes.

internal/tokens/vocab/*.bin hold the 256 tokens of one byte, then for each further token, in rank order, the two tokens that it is merged from, as
two positions of 20 bits in 5 bytes, and 4 bytes of padding. p50k has no rank 50256; r50k is p50k without its last 24 tokens.
"""

import base64
import hashlib
import os
import sys
import tempfile

PACKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/tokens/vocab/%s.bin")
URL = "https://openaipublic.blob.core.windows.net/encodings/%s_base.tiktoken"  # tiktoken names its files by the hash of this
FILES = {"cl100k": ("cl100k", None), "o200k": ("o200k", None), "p50k": ("p50k", None), "r50k": ("p50k", -24)}
SPECIAL = {"p50k": 50256}  # a rank that no token of the file has


def tokens(packed):
    found = [packed[i : i + 1] for i in range(256)]
    for at in range(256, len(packed) - 4, 5):
        pair = int.from_bytes(packed[at : at + 5], "little")
        found.append(found[pair & 0xFFFFF] + found[pair >> 20])
    return found


def write(directory):
    os.makedirs(directory, exist_ok=True)
    for name, (packed, end) in FILES.items():
        with open(PACKED % packed, "rb") as f:
            all_tokens = tokens(f.read())[:end]
        skipped = SPECIAL.get(name, len(all_tokens))
        lines = (base64.b64encode(token) + b" %d\n" % (rank + (rank >= skipped)) for rank, token in enumerate(all_tokens))
        with open(os.path.join(directory, hashlib.sha1((URL % name).encode()).hexdigest()), "wb") as f:
            f.write(b"".join(lines))


def provide():
    """Makes tiktoken of this process use the files, which are made when they are missing."""
    directory = os.path.join(sys.prefix, "vocabulary")
    if not os.path.isdir(directory):
        made = tempfile.mkdtemp(dir=sys.prefix)
        write(made)
        try:
            os.rename(made, directory)
        except OSError:  # another process was first
            if not os.path.isdir(directory):
                raise
    os.environ["TIKTOKEN_CACHE_DIR"] = directory


if __name__ == "__main__":
    write(sys.argv[1])
else:
    provide()
