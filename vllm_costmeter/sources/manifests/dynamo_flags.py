"""`python -m dynamo.vllm` (NVIDIA Dynamo): vLLM's flags beside its own.

Its own flags: components/src/dynamo/vllm/backend_args.py and dynamo/common/configuration/groups/runtime_args.py,
Dynamo 0.9 to 1.3, read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vllm_costmeter.sources.manifests.place import Word

_SWITCHES = frozenset(
    """
    is-prefill-worker is-decode-worker use-vllm-tokenizer route-to-encoder multimodal-processor multimodal-worker
    multimodal-decode-worker multimodal-encode-prefill-worker enable-multimodal frontend-decoding
    enable-local-indexer durable-kv-events embedding-worker enable-rl fpm-trace gms-shadow-mode
    """.split()  # noqa: SIM905 - words of a flag table
)
_VALUED = frozenset(
    """
    connector migration-limit endpoint namespace discovery-backend request-plane event-plane store-kv
    custom-jinja-template disaggregation-mode sleep-mode-level mm-prompt-template model-express-url dump-config-to
    output-modalities component benchmark-mode media-output-fs-url media-output-http-url
    """.split()  # noqa: SIM905 - words of a flag table
)
_OTHER_ENGINES = ("omni", "multimodal-encode-worker", "engine-config-json")
"""Flags with which it starts no language model by vLLM's own flags."""


def dynamo_words(words: Sequence[Word]) -> tuple[tuple[Word, ...] | None, str | None]:
    """vLLM's words of a program that is a Dynamo worker, or why they could not be told; None, None for any other."""
    for at, word in enumerate(words[:-1]):
        if word.text == "-m" and words[at + 1].text == "dynamo.vllm":
            return _without_own(words[at + 2 :])
    return None, None


def _without_own(words: Sequence[Word]) -> tuple[tuple[Word, ...] | None, str | None]:
    kept: list[Word] = []
    at = 0
    while at < len(words):
        name, equals, _ = words[at].text.partition("=")
        own = name.removeprefix("--").replace("_", "-") if name.startswith("--") else ""
        plain = re.sub(r"^no-", "", own)
        at += 1
        if own in _OTHER_ENGINES:
            return None, f"python -m dynamo.vllm --{own} is not read"
        if plain in _SWITCHES:
            at += at < len(words) and words[at].text in ("true", "false", "True", "False")
        elif own in _VALUED or own.startswith("dyn-"):
            while not equals and at < len(words) and not words[at].text.startswith("-"):
                at += 1
        else:
            kept.append(words[at - 1])
    return tuple(kept), None
