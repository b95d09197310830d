"""What a large file need not cost: documents that name neither vLLM nor an accelerator, and rounds of the collector."""

from __future__ import annotations

import gc
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from vllm_costmeter.sources.manifests.kubernetes.operators import SIGNS

LARGE_BYTES = 256 << 10
_SIGN = re.compile(
    rf"vllm|gpu|nvidia|accelerator|dynamo|llm|tpu|gaudi|neuron|ascend|\.sh\b|/mnt/models|\bengine|{SIGNS}".encode(),
    re.IGNORECASE,
)
"""Without any of these a document starts no server, whatever its kind."""
_KIND = re.compile(rb"^kind:\s*[\"']?(\w+)", re.MULTILINE)
_IDLE = (b"CustomResourceDefinition", b"Secret")
"""Kinds whose content is never a pod's; charts bring megabytes of them."""
_BREAK = re.compile(rb"^---(?=[ \t\r\n]|$)", re.MULTILINE)


@contextmanager
def without_collector() -> Iterator[None]:
    """No round of the garbage collector while a tree of a million values grows, each of which would walk the whole
    tree: 10 MB of YAML take 2.5 seconds instead of 12 (CPython 3.11)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def without_bystanders(data: bytes) -> tuple[bytes, int]:
    """The file with such documents empty and every line where it was, and how many; a small file as it is."""
    if len(data) < LARGE_BYTES:
        return data, 0
    starts = [0, *(found.start() for found in _BREAK.finditer(data)), len(data)]
    documents = [data[start:end] for start, end in itertools.pairwise(starts)]
    idle = [_is_idle(document) for document in documents]
    kept = (_blank(each) if off else each for each, off in zip(documents, idle, strict=True))
    return b"".join(kept), sum(idle)


def _is_idle(document: bytes) -> bool:
    kind = _KIND.search(document)
    if kind is None or kind[1] in _IDLE:
        return kind is not None
    holds_values = kind[1] == b"ConfigMap" and len(document) < LARGE_BYTES // 4
    return not holds_values and _SIGN.search(document) is None


def _blank(document: bytes) -> bytes:
    lead = b"---" if document.startswith(b"---") else b""
    return lead + b"\n" * document.count(b"\n")
