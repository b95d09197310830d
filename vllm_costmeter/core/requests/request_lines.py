"""Ended requests as lines of bytes, found again by an id or by their number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b

from vllm_costmeter.core.errors import OTHERWISE
from vllm_costmeter.core.requests.ended import EndedRequest

ID, NUMBER = b"\x01", b"\x02"
"""Stand before what is looked for. JSON has neither, so nothing that a client chose is taken for it."""


def to_line(request: EndedRequest) -> bytes:
    """Its number, a hash of each id under which it is found, and its fields in JSON."""
    keys = b"".join(map(id_key, request.names))
    return number_key(request.number) + keys + json.dumps(request, separators=(",", ":")).encode() + b"\n"


def id_key(request_id: str) -> bytes:
    """Of a fixed length: clients choose a part of an id, and a search for a long one that occurs nearly everywhere
    would be slow."""
    return ID + blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest().encode()


def number_key(number: int) -> bytes:
    """Of one request."""
    return b"%b%d%b" % (NUMBER, number, NUMBER)


def lines_with(content: bytes | bytearray, key: bytes, end: int | None = None) -> Iterator[EndedRequest]:
    """What the first `end` bytes hold with this key, the last line first, without lines that are cut or not ours."""
    end = len(content) if end is None else end
    while (at := content.rfind(key, 0, end)) >= 0:
        begin = content.rfind(b"\n", 0, at) + 1
        stop = content.find(b"\n", at, end)
        request = None if stop < 0 else _read(content[begin:stop])
        if request is not None:
            yield request
        end = begin


def _read(line: bytes | bytearray) -> EndedRequest | None:
    try:
        fields = json.loads(line[line.index(b"[") :])
        return EndedRequest(*fields)._replace(
            number=int(fields[0]), ids=tuple(map(str, fields[1])), ended_unix_seconds=float(fields[2])
        )
    except OTHERWISE:
        return None
