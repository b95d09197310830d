"""The compressed-tensors section: `config_groups` with targets, weights and activations, and an ignore list."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.names import name_rules
from vllm_costmeter.core.quantization.scheme import Quantization, Scheme
from vllm_costmeter.core.quantization.schemes.compressed_tensors import CompressedTensors, TargetGroup
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp8, Nvfp4, PackedMxfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.integer import compressed_integers
from vllm_costmeter.sources.model_config.quantization.module_names import Renames, renamed, strings
from vllm_costmeter.sources.model_config.reader import ConfigReader

_NVFP4_GROUP = 16
_MX_GROUP = 32
_INTEGER_BITS = (2, 3, 4, 8)


def compressed_tensors(section: ConfigReader, renames: Renames) -> Quantization:
    """NotUnderstoodError for sparsity and for weight types without rules."""
    sparsity = section.optional_section("sparsity_config")
    if sparsity is not None and sparsity.raw("format") not in (None, "dense"):
        raise NotUnderstoodError(f"{section.name}: sparse compressed-tensors checkpoints are not known")
    groups = section.optional_section("config_groups")
    found = []
    for name in groups.values if groups is not None else ():
        group = groups.optional_section(name) if groups is not None else None
        if group is None:
            continue
        targets = renamed(strings(group, "targets") or ["Linear"], renames)
        style = group.optional_str("format") or section.optional_str("format") or ""
        found.append(TargetGroup(name_rules(targets), _scheme(group, style)))
    ignored = name_rules(renamed(strings(section, "ignore"), renames))
    return CompressedTensors("compressed-tensors", tuple(found), ignored)


def _scheme(group: ConfigReader, style: str) -> Scheme | None:
    weights = group.optional_section("weights")
    if weights is None:
        return None
    inputs = group.optional_section("input_activations")
    static = inputs is not None and inputs.raw("dynamic") is False
    bits = weights.int("num_bits", default=8, minimum=1, maximum=16)
    kind = weights.optional_str("type") or "int"
    strategy = weights.optional_str("strategy")
    size = weights.optional_int("group_size", minimum=-1)
    group_size = size if size is not None and size > 0 else None
    if strategy is None:
        strategy = "group" if group_size else "tensor"
    if kind == "float" and bits == 4 and group_size == _NVFP4_GROUP:
        return Nvfp4(input_scale_bytes=0 if inputs is None else 4)
    if kind == "float" and bits == 4 and group_size == _MX_GROUP:
        if inputs is not None and inputs.raw("num_bits") != 4:
            raise NotUnderstoodError(f"{group.name}: MXFP4 weights with inputs of another width")
        return PackedMxfp4()
    if kind == "float" and bits == 8:
        return _eight_bit_float(weights, strategy, group_size, static=static)
    if kind == "int" and bits in _INTEGER_BITS and (inputs is None or style == "pack-quantized"):
        if inputs is not None:
            raise NotUnderstoodError(f"{group.name}: packed {bits}-bit weights with quantized activations")
        symmetric = weights.bool("symmetric", default=True)
        return compressed_integers(bits, group_size, symmetric=symmetric)
    if kind == "int" and bits == 8:
        return EightBitPerTensor(static) if strategy == "tensor" else EightBitPerChannel(static)
    raise NotUnderstoodError(f"{group.name}: compressed-tensors weights of {bits}-bit {kind} by {strategy}")


def _eight_bit_float(weights: ConfigReader, strategy: str, group_size: int | None, *, static: bool) -> Scheme:
    if strategy == "block":
        block = weights.optional_list("block_structure") or [128, 128]
        if len(block) != 2 or not all(isinstance(size, int) and 0 < size <= 1 << 16 for size in block):
            raise BadInputError(f"{weights.name}: {weights.path}block_structure must be two whole numbers")
        return Fp8PerBlock(block[0], block[1], refines_blocks=False)
    if strategy == "channel":
        return EightBitPerChannel(static)
    if strategy == "tensor":
        return EightBitPerTensor(static)
    if group_size == _MX_GROUP:
        return Mxfp8()
    raise NotUnderstoodError(f"{weights.name}: compressed-tensors FP8 weights by {strategy}")
