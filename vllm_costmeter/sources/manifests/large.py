"""What of a large file need not be parsed: documents that name neither vLLM nor an accelerator."""

from __future__ import annotations

import itertools
import re

LARGE_BYTES = 256 << 10
_SIGN = re.compile(
    rb"vllm|gpu|nvidia|accelerator|dynamo|llm|tpu|gaudi|neuron|ascend|\.sh\b|/mnt/models|\bengine",
    re.IGNORECASE,
)
"""Without any of these a document starts no server, whatever its kind."""
_KIND = re.compile(rb"^kind:\s*[\"']?(\w+)", re.MULTILINE)
_IDLE = (b"CustomResourceDefinition", b"Secret")
"""Kinds whose content is never a pod's; charts bring megabytes of them."""
_BREAK = re.compile(rb"^---(?=[ \t\r\n]|$)", re.MULTILINE)


def without_bystanders(data: bytes) -> bytes:
    """The file with such documents empty and every line where it was; a small file as it is."""
    if len(data) < LARGE_BYTES:
        return data
    starts = [0, *(found.start() for found in _BREAK.finditer(data)), len(data)]
    return b"".join(_kept(data[start:end]) for start, end in itertools.pairwise(starts))


def _kept(document: bytes) -> bytes:
    kind = _KIND.search(document)
    if kind is None or (_SIGN.search(document) and kind[1] not in _IDLE):
        return document
    lead = b"---" if document.startswith(b"---") else b""
    return lead + b"\n" * document.count(b"\n")
