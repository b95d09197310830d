"""Changes to an input: bytes of it, words of its text, lines of its text, or nodes of its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

LARGEST_BYTES = 1 << 20

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 0.0, -0.0, 0.5, 1e-320, 1e308, -1e308),
    *(float("inf"), float("-inf"), float("nan")),
    *(2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**25, 10**400),
    *(
        "",
        " ",
        "0",
        "-1",
        "1e999",
        "nan",
        "\x00",
        "\n",
        "\u2028",
        "\ud800",
        "é",
        "𝟚",
        "a" * 300,
        "%s",
        "{}",
        "../..",
        "/",
    ),
    *([], [[]], [None], [0] * 50, {}, {"": None}, {"a": {}}),
)
PIECES: tuple[bytes, ...] = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1b[31m",
        b"\r\n",
        b"\n\n",
        b"\t",
        b" " * 40,
        b"'",
        b'"',
        b"\\",
        b"#",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b";",
        b"|",
        b"&",
        b"$(",
        b"${A:-",
        b"`",
        b"<<EOF\n",
        b"---\n",
        b"- ",
        b"*a",
        b"&a ",
    ),
    *(
        b"0",
        b"-1",
        b"nan",
        b"NaN",
        b"inf",
        b"-Infinity",
        b"1e400",
        b"1e-400",
        b"9" * 25,
        b"9" * 5000,
        b"0x10",
        b"1_000",
    ),
    *(
        b"null",
        b"true",
        b"none",
        b"~",
        b"!!python/object:os.system",
        b"<<: ",
        b"[" * 3000,
        b'{"a":' * 3000,
        b"(" * 500,
    ),
    *(
        "é\u2028\u202e".encode(),
        b"\xf0\x9f\x92\xa9",
        "𝟚".encode(),
        b"\xed\xa0\x80",
        b"0001-01-01T00:00:00+14:00",
        b"9999-12-31",
    ),
)
_WORD = re.compile(rb"[A-Za-z0-9_.+-]+")


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One to four changes; at most `LARGEST_BYTES`. The same for the same arguments."""
    found = data
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        found = random.choice(_WAYS)(found, others, random)[:LARGEST_BYTES]
    return found


def _bytes(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A few bytes are others."""
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8))):
        if found:
            place = random.randrange(len(found))
            found[place] = random.choice(
                (random.randrange(256), found[place] ^ (1 << random.randrange(8)), 0, 255)
            )
    return bytes(found)


def _span(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A span is gone, doubled, or cut off behind, or something is put in."""
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.choice((1, 2, 4, 16, 64, 1024)))
    match random.randrange(5):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:end] * random.choice((1, 3, 50)) + data[end:]
        case 2:
            return data[:start]
        case 3:
            other = random.choice(others)
            cut = random.randrange(len(other) + 1)
            return data[:start] + other[cut : cut + random.choice((4, 64, 4096))] + data[end:]
    return data[:start] + random.choice(PIECES) + data[start:]


def _words(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A word or number is another one, of this input, of another, or odd."""
    near = random.randrange(len(data) + 1)
    found = _WORD.search(data, near) or _WORD.search(data)
    if found is None:
        return data + random.choice(PIECES)
    other = random.choice((data, random.choice(others)))
    another = _WORD.search(other, random.randrange(len(other) + 1))
    new = another.group() if another and random.random() < 0.5 else random.choice(PIECES)
    return data[: found.start()] + new + data[found.end() :]


def _lines(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A line is gone, doubled, moved, indented, or comes from another input."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines[place:place] = [lines[place]] * random.choice((1, 2, 100))
        case 2:
            lines.insert(random.randrange(len(lines)), lines.pop(place))
        case 3:
            lines[place] = random.choice((b"  ", b"    ", b"\t", b"- ", b"# ")) + lines[place]
        case 4:
            lines.insert(place, random.choice(random.choice(others).split(b"\n")))
    return b"\n".join(lines)


def _tree(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A node of the JSON (of one of its lines, if each is an object) is gone, odd, doubled or another node."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        lines = data.split(b"\n")
        place = random.randrange(len(lines))
        if len(lines) < 2 or not lines[place].startswith(b"{"):
            return _words(data, others, random)
        lines[place] = _tree(lines[place], others, random)
        return b"\n".join(lines)
    holders = [each for each in _nodes(tree) if isinstance(each, dict | list) and each]
    if not holders:
        return json.dumps(random.choice(ODD)).encode()
    holder = random.choice(holders)
    key = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[key] = random.choice(list(_nodes(tree)))
        case 2 if isinstance(holder, dict):
            holder[random.choice(("", "a", str(key).upper(), f"{key}s"))] = holder.pop(key)
        case 3 if isinstance(holder[key], str):
            holder[key] = random.choice(
                (holder[key] * 50, holder[key][:3], f" {holder[key]}", holder[key].swapcase())
            )
        case 4:
            holder[key] = random.choice(([holder[key]], {"a": holder[key]}, str(holder[key])))
        case _:
            holder[key] = random.choice(ODD)
    try:
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):  # the node was put into itself
        return data


def _nodes(tree: Any) -> list[Any]:
    found, open_ = [], [tree]
    while open_ and len(found) < 5000:
        node = open_.pop()
        found.append(node)
        if isinstance(node, dict | list):
            open_ += node.values() if isinstance(node, dict) else node
    return found


_WAYS = (_bytes, _span, _words, _words, _lines, _tree, _tree, _tree)
