"""AutoRound's section: one scheme, layers with bits of their own, and the blocks that are quantized."""

from __future__ import annotations

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.quantization.names import name_rules
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization, Scheme
from vllm_costmeter.core.quantization.schemes.auto_round import AutoRound
from vllm_costmeter.core.quantization.schemes.integer import Grouped
from vllm_costmeter.sources.model_config.quantization.methods import MOST_RULES, flat_names, group_size_of
from vllm_costmeter.sources.model_config.quantization.module_names import Renames, rename, renamed
from vllm_costmeter.sources.model_config.reader import ConfigReader

_MOST_LAYERS = 1 << 16  # every layer of the largest models, each projection named
_PLAIN_BITS, _MOST_BITS = 16, 8
_EXPRESSION = frozenset("*+?^$()[]{}|\\")  # REGEX_SPECIAL_CHARS of vLLM's inc


def auto_round(section: ConfigReader, renames: Renames) -> Quantization:
    """AutoRound's integers in GPTQ's or AWQ's packing: `extra_config` by layer, `block_name_to_quantize` by block
    (vLLM's inc)."""
    packing = section.optional_str("packing_format") or "auto_round:auto_gptq"
    is_known = packing.startswith("auto_round") and section.raw("data_type") in (None, "int")
    if not is_known or section.has("dynamic"):
        raise NotUnderstoodError(f"{section.name}: AutoRound without integers, or with rules of another kind")
    extra = section.optional_section("extra_config")
    named: dict[str, Scheme] = {}
    for entry in extra.values if extra is not None else ():
        own = None if extra is None else extra.optional_section(entry)
        if own is not None:
            named[entry] = _auto_round_scheme(ConfigReader({**section.values, **own.values}, section.name))
    if len(named) > _MOST_LAYERS:
        raise NotUnderstoodError(f"{section.name}: {len(named)} layers of AutoRound take too long to match")
    expressions = tuple((entry, scheme) for entry, scheme in named.items() if _EXPRESSION & set(entry))
    if len(expressions) > MOST_RULES:
        raise NotUnderstoodError(
            f"{section.name}: {len(expressions)} rules of AutoRound take too long to match"
        )
    layers = {
        rename(entry, renames): scheme for entry, scheme in named.items() if not _EXPRESSION & set(entry)
    }
    blocks = tuple(renamed(_blocks(section), renames))
    names = name_rules((*layers, *blocks, *(f"re:{text}" for text, _ in expressions)))
    return AutoRound(_auto_round_scheme(section), layers, expressions, blocks, names)


def _blocks(section: ConfigReader) -> list[str]:
    for key in ("block_name_to_quantize", "to_quant_block_names"):
        if isinstance(section.raw(key), str):
            return [name.strip() for name in str(section.raw(key)).split(",") if name.strip()]
        names = flat_names(section, key)
        if names:
            return names
    return []


def _auto_round_scheme(section: ConfigReader) -> Scheme:
    bits = section.int("bits", minimum=2, maximum=32)
    if bits >= _PLAIN_BITS:
        return PLAIN
    if section.raw("data_type") not in (None, "int") or bits > _MOST_BITS:
        raise NotUnderstoodError(f"{section.name}: AutoRound layers of {bits} bits that are no integers")
    return Grouped(bits=bits, group_size=group_size_of(section), zero_points=True)
