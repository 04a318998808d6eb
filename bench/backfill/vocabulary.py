"""Writes the file that tiktoken would download for cl100k_base, from the vocabulary that is part of this project.

    PYTHON vocabulary.py DIR      then run with TIKTOKEN_CACHE_DIR=DIR; tiktoken checks the file's hash

internal/tokens/vocab/cl100k.bin holds the 256 tokens of one byte, then for each further token, in rank order, the two tokens that it is
merged from, as two positions of 20 bits in 5 bytes, and 4 bytes of padding.
"""

import base64
import hashlib
import os
import sys

PACKED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../internal/tokens/vocab/cl100k.bin")
URL = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"  # tiktoken names its files by the hash of this


def tokens(packed):
    found = [packed[i : i + 1] for i in range(256)]
    for at in range(256, len(packed) - 4, 5):
        pair = int.from_bytes(packed[at : at + 5], "little")
        found.append(found[pair & 0xFFFFF] + found[pair >> 20])
    return found


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    with open(PACKED, "rb") as f:
        lines = (base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens(f.read())))
        text = b"".join(lines)
    with open(os.path.join(sys.argv[1], hashlib.sha1(URL.encode()).hexdigest()), "wb") as f:
        f.write(text)


if __name__ == "__main__":
    main()
