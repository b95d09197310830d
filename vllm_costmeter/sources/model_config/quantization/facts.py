"""Reads `QuantizationFacts`: leniently, as the readers of schemes report faulty files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.quantization.facts import QuantizationFacts

_REORDERING = ("group", "dynamic")  # ActivationOrdering of compressed-tensors
_PER_OUTPUT = -1
_FLOATS = {(8, None): "fp8", (4, 16): "nvfp4", (4, 32): "mxfp4"}
"""Kind by bits and, for four bits, group size."""


def quantization_facts(section: Mapping[str, Any], method: str) -> QuantizationFacts:
    match method:
        case "gptq":
            return _gptq(section)
        case "awq":
            zeros = section.get("zero_point")
            return QuantizationFacts(
                method,
                bits=_whole(section.get("bits", section.get("w_bit"))),
                group_size=_whole(section.get("group_size", section.get("q_group_size"))),
                has_zero_points=zeros if isinstance(zeros, bool) else None,
            )
        case "fp8":
            static = section.get("activation_scheme") == "static"
            return QuantizationFacts(
                method, has_static_blocks=static and section.get("weight_block_size") is not None
            )
        case "compressed-tensors":
            return _compressed_tensors(section)
    return QuantizationFacts(method)


def _gptq(section: Mapping[str, Any]) -> QuantizationFacts:
    """`dynamic` rules may order activations for some modules only (`normalize_and_validate_gptq_desc_act`, 0.30)."""
    group, ordered = section.get("group_size"), section.get("desc_act")
    dynamic = section.get("dynamic")
    rules = [(ordered, group)]
    for pattern, rule in (dynamic if isinstance(dynamic, Mapping) else {}).items():
        if isinstance(rule, Mapping) and not str(pattern).startswith("-:"):
            rules.append((rule.get("desc_act", ordered), rule.get("group_size", group)))
    symmetric = section.get("sym")
    return QuantizationFacts(
        "gptq",
        bits=_whole(section.get("bits")),
        group_size=_whole(group),
        is_symmetric=symmetric if isinstance(symmetric, bool) else None,
        reorders_activations=any(order is True and size != _PER_OUTPUT for order, size in rules),
    )


def _compressed_tensors(section: Mapping[str, Any]) -> QuantizationFacts:
    groups = section.get("config_groups")
    found, reorders = set(), False
    for group in (groups if isinstance(groups, Mapping) else {}).values():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if not isinstance(weights, Mapping) or not group.get("targets", True):
            continue
        reorders = reorders or weights.get("actorder") in _REORDERING
        kind = _scheme(weights, group.get("input_activations"))
        if kind is not None:
            found.add(kind)
    sparsity = section.get("sparsity_config")
    return QuantizationFacts(
        "compressed-tensors",
        reorders_activations=reorders,
        is_sparse=isinstance(sparsity, Mapping) and bool(sparsity.get("targets")),
        schemes=frozenset(found),
    )


def _scheme(weights: Mapping[str, Any], inputs: object) -> str | None:
    """The kind of one group as `_get_scheme_from_parts` tells them apart (0.17.0 to 0.33.0); None if no rule asks."""
    bits, kind, size = weights.get("num_bits"), weights.get("type", "int"), weights.get("group_size")
    quantized = inputs if isinstance(inputs, Mapping) else None
    if kind == "float":
        return _FLOATS.get((_whole(bits) or 0, None if bits == 8 else _whole(size)))
    if kind == "int" and quantized is None:
        return "wNa16"
    if kind == "int" and bits == 8 and quantized is not None and quantized.get("num_bits") == 8:
        return "w8a8_int8" if quantized.get("type", "int") == "int" else None
    return None


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
