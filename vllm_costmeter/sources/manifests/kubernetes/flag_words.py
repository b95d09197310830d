"""Settings in YAML -> words of `vllm serve`."""

from __future__ import annotations

import json
from typing import Any

from vllm_costmeter.sources.manifests.place import Word
from vllm_costmeter.sources.manifests.yaml_tree import Node


def flag_words(name: str, value: Node) -> list[Word]:
    """`max_model_len: 8192` as --max-model-len 8192, `true` as the switch, a mapping or list as JSON."""
    flag, line = f"--{name.replace('_', '-')}", value.place.line
    if value.kind == "bool":
        is_on = (value.text or "").casefold() in ("true", "yes", "on")
        return [Word(flag if is_on else f"--no-{flag[2:]}", line)]
    text = value.text if value.text is not None else json.dumps(plain(value))
    return [Word(flag, line), Word(text, value.text_line or line)]


def plain(node: Node) -> Any:
    """The node as JSON has it; numbers and truth as YAML read them."""
    if node.table is not None:
        return {key: plain(value) for key, value in node.table.items()}
    if node.items is not None:
        return [plain(item) for item in node.items]
    text = node.text or ""
    try:
        if node.kind == "bool":
            return text.casefold() in ("true", "yes", "on")
        return int(text) if node.kind == "int" else float(text) if node.kind == "float" else text
    except ValueError:
        return text


def model_words(uri: Node) -> list[Word]:
    """The model of a KServe or KubeAI address: `hf://org/name:revision` as vLLM takes it, any other as it stands."""
    text = uri.string("the model's address").partition("?")[0]
    if not text.startswith(("hf://", "huggingface://")):
        return [Word(text, uri.text_line)]
    name, colon, revision = text.partition("://")[2].partition(":")
    words = [Word(name, uri.text_line)]
    return [*words, Word("--revision", uri.text_line), Word(revision, uri.text_line)] if colon else words
