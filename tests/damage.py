"""Damages files at random, from a fixed seed, as an editor, a disk or a stranger would."""

import random

SEED = 20_261_129
CASES = 2_000
PIECES = [b'"', b",", b";", b"\t", b"|", b"\n", b"\r", b"\0", b"\xff", b"[", b"{", b"}", b"NaN"]
PIECES += [b"]", b":", b"\\u", b"\\ud800", b"text", b"label", b"action", b"null", b"sep=;\n"]
PIECES += [b"-1e999"]
YAML_PIECES = [*PIECES, b": ", b"- ", b"&a ", b"*a", b"!!python/name:os.system ", b"? ", b"="]
YAML_PIECES += [b"|\n", b"---\n", b"<<: ", b"2026-99-99", b"9" * 5_000, b"[" * 500, b"%", b"@"]
YAML_PIECES += [b"\xc2\x85", b"'"]


def damaged(content: bytes, rng: random.Random, pieces=PIECES) -> bytes:
    """Replace one to four stretches of some bytes by others."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(content) + 1)
        end = start + rng.choice((0, 0, 1, 5, 40))
        content[start:end] = rng.choice((*pieces, b"", bytes((rng.randrange(256),))))
    return bytes(content)
