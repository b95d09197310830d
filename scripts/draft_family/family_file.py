"""The draft of a family's file: each kind of layer once, its layers, and the parts outside the layers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.draft_family.pieces import layer_lines, modules_of
from scripts.draft_family.sizes import Sizes

_HEAD = '''"""{architecture}: say what is its own (vLLM {version}).

Drafted from vLLM's own model at TP 1, TP 2 and PP 2: read every line.
"""

from __future__ import annotations

from vllm_costmeter.core.model.attention import FullAttention, MlaLatent, SlidingWindow
from vllm_costmeter.core.model.parts import AttentionScales, Linear, Tensor
from vllm_costmeter.core.model.rank import Output
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import FLOAT32_BYTES
from vllm_costmeter.sources.model_config.families.blocks import (
    attention,
    column,
    experts,
    gated_mlp,
    norms,
    replicated,
    router,
    row,
)
from vllm_costmeter.sources.model_config.families.family import Family
from vllm_costmeter.sources.model_config.families.layers import each_kind, language_model, layer_of
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.rotary import rope_parameters, rotary_table
'''


def family_file(config: Mapping[str, Any], ranks: Sequence[Mapping[str, Any]], version: str) -> str:
    """The draft as Python, with a comment at each open decision. `ranks`: the listener's, TP 1 first."""
    whole = ranks[0]
    halves = next((rank for rank in ranks if rank["tp"] == 2), None)
    prefix = _layers_prefix(whole["parameters"])
    sizes = Sizes(_text_of(config))
    modules = modules_of(whole, halves)
    kinds: dict[tuple[str, ...], list[int]] = {}
    for index in sorted({int(found[1]) for name in modules if (found := _inside(prefix, name))}):
        inside = {
            found[2]: module
            for name, module in modules.items()
            if (found := _inside(prefix, name)) and int(found[1]) == index
        }
        for name, module in inside.items():
            module.name = name
        caches = {
            found[2]: cache
            for name, cache in whole["caches"].items()
            if (found := _inside(prefix, name)) and int(found[1]) == index
        }
        kinds.setdefault(tuple(layer_lines(inside, caches, sizes)), []).append(index)
    kinds = _with_shared_tables(kinds)
    lines = [_HEAD.format(architecture=config["architectures"][0], version=version)]
    lines += [
        "",
        "def decoder(source: Source) -> Weights:",
        "    text, hidden = source.text, source.hidden_size",
    ]
    lines += ["    rotary = rotary_table(source.head_size(), source.max_position, rope_parameters(text))"]
    for letter, (pieces, indexes) in zip("abcdefghijklmnop", kinds.items(), strict=False):
        lines += [f"    # layers {_runs(indexes)}", f"    {letter} = layer_of("]
        lines += [f"        {piece}" for piece in pieces]
        lines += ["    )"]
    order = [letter for letter, _ in zip("abcdefghijklmnop", kinds, strict=False)]
    if len(order) == 1:
        lines += ["    layers = [a] * source.num_layers"]
    else:
        lines += [
            f"    layers = ...  # of {', '.join(order)}: which key says so? (each_kind builds each once)"
        ]
    lines += _language_model(modules, prefix)
    lines += ["", "", f"{constant_of(config)} = Family(decoder)", ""]
    lines += _cautions(modules, prefix, ranks, sizes)
    return "\n".join(lines) + "\n"


def _text_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = next(
        (config[key] for key in ("text_config", "llm_config", "language_config") if key in config), config
    )
    return inner if isinstance(inner, dict) else config


def _layers_prefix(names: Mapping[str, Any]) -> str:
    """The most common prefix of a layer's number in names."""
    counted = Counter(found[1] for name in names if (found := re.match(r"(.*?\.)\d+\.", name)))
    return counted.most_common(1)[0][0]


def _inside(prefix: str, name: str) -> re.Match[str] | None:
    return re.match(re.escape(prefix) + r"(\d+)\.(.*)", name)


def _with_shared_tables(kinds: dict[tuple[str, ...], list[int]]) -> dict[tuple[str, ...], list[int]]:
    """Merge kinds that differ only in owning a rotary table: vLLM stores one table per set of arguments."""
    found: dict[tuple[str, ...], tuple[tuple[str, ...], list[int]]] = {}
    for pieces, indexes in kinds.items():
        plain = tuple(piece for piece in pieces if not piece.startswith("rotary,"))
        known = found.setdefault(plain, (pieces, []))
        known[1].extend(indexes)
    return {pieces: sorted(indexes) for pieces, indexes in found.values()}


def _runs(indexes: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][1] == index - 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs)


def _language_model(modules: Mapping[str, Any], prefix: str) -> list[str]:
    words = ["source", "layers", "tied=source.is_tied()"]
    embedding = next((name for name, one in modules.items() if one.kind == "VocabParallelEmbedding"), None)
    if embedding not in (None, "model.embed_tokens"):
        words.append(f'embedding="{embedding}"')
    if prefix != "model.layers.":
        words.append(f'layer_prefix="{prefix}{{}}."')
    head = next((name for name, one in modules.items() if one.kind == "ParallelLMHead"), None)
    if head not in (None, "lm_head"):
        words.append(f'head="{head}"')
    return [f"    return language_model({', '.join(words)})"]


def constant_of(config: Mapping[str, Any]) -> str:
    return re.sub(r"For[A-Z].*", "", config["architectures"][0]).upper()


def _cautions(
    modules: Mapping[str, Any], prefix: str, ranks: Sequence[Mapping[str, Any]], sizes: Sizes
) -> list[str]:
    """The draft's open points, as comments."""
    layouts = {(rank["tp"], rank["pp"]) for rank in ranks}
    refused = [
        f"# vLLM refuses {name}: what it would say is a guess"
        for name, layout in (("TP 2", (2, 1)), ("PP 2", (1, 2)))
        if layout not in layouts
    ]
    outside = [
        f"# outside the layers: {name} ({one.kind}) {one.shapes}"
        for name, one in modules.items()
        if not _inside(prefix, name)
    ]
    held = [
        f"# PP 2, rank {number}: "
        + ", ".join(sorted(name for name in rank["parameters"] if not _inside(prefix, name)))
        for number, rank in enumerate(rank for rank in ranks if rank["pp"] == 2)
    ]
    return [*refused, *outside, *held, *(f"# {guess}" for guess in sizes.guesses)]
