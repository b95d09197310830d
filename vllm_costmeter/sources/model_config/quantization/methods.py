"""Checkpoints quantized by FP8, MXFP4, GPTQ, AWQ, Quark or bitsandbytes (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.names import NameRules, name_rules
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization, Scheme
from vllm_costmeter.core.quantization.schemes.checkpoint_fp8 import ListedFp8
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp4, Mxfp8, Nvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.gptq import Gptq
from vllm_costmeter.core.quantization.schemes.integer import BitsAndBytes, Grouped
from vllm_costmeter.core.quantization.schemes.listed import Listed
from vllm_costmeter.sources.model_config.quantization.module_names import Renames, renamed, strings
from vllm_costmeter.sources.model_config.reader import ConfigReader

_E8M0_BYTES = 1
MOST_RULES = 1024  # published files have a handful; more would take longer to match than a check may


def _fp8(section: ConfigReader, renames: Renames) -> Quantization:
    scheme = _fp8_scheme(section, 4)
    return ListedFp8("fp8", scheme, scheme, _skipped(section, renames))


def _fp8_scheme(section: ConfigReader, scale_bytes: int) -> Scheme:
    block = section.optional_list("weight_block_size")
    if block is None:
        return EightBitPerTensor(static_input=section.raw("activation_scheme") == "static")
    if len(block) != 2 or not all(isinstance(size, int) and 0 < size <= 1 << 16 for size in block):
        raise BadInputError(f"{section.name}: {section.path}weight_block_size must be two whole numbers")
    return Fp8PerBlock(block[0], block[1], scale_bytes)


def deepseek_v4(section: ConfigReader, root: ConfigReader, renames: Renames) -> Quantization:
    """FP8 blocks with one-byte scales, and experts in MXFP4, NVFP4 or FP8 (vLLM's deepseek_v4/quant_config.py)."""
    expert_dtype = root.optional_str("expert_dtype") or "fp4"
    if expert_dtype not in ("fp4", "fp8"):
        raise NotUnderstoodError(f"{root.name}: expert_dtype {expert_dtype!r} is not fp4 or fp8")
    linear = _fp8_scheme(section, _E8M0_BYTES if expert_dtype == "fp4" else 4)
    if (
        root.raw("model_type") == "deepseek_v41"
        and expert_dtype == "fp4"
        and section.raw("weight_block_size") == [32, 32]
    ):
        linear = Mxfp8()  # whose scales vLLM repeats for each row
    experts: Scheme = linear
    if expert_dtype == "fp4":
        is_nvfp4 = (section.optional_str("moe_quant_algo") or "").upper() == "NVFP4"
        experts = Nvfp4() if is_nvfp4 else Mxfp4()
    return ListedFp8("deepseek_v4_fp8", linear, experts, _skipped(section, renames))


def _mxfp4(section: ConfigReader, renames: Renames) -> Quantization:
    return ListedFp8("mxfp4", PLAIN, Mxfp4(), _skipped(section, renames), attention_values=0)


def _gptq(section: ConfigReader, renames: Renames) -> Quantization:
    """`dynamic`: expressions of names, "-:" for modules that keep their dtype, else with fields that differ."""
    dynamic = section.optional_section("dynamic")
    rules: list[tuple[str, Scheme]] = []
    for entry in dynamic.values if dynamic is not None else ():
        own = None if dynamic is None or entry.startswith("-:") else dynamic.optional_section(entry)
        fields = {**section.values, **(own.values if own is not None else {})}
        scheme = PLAIN if entry.startswith("-:") else _gptq_scheme(ConfigReader(fields, section.name))
        rules.append((entry.removeprefix("-:").removeprefix("+:"), scheme))
    if len(rules) > MOST_RULES:
        raise NotUnderstoodError(f"{section.name}: {len(rules)} rules of GPTQ take too long to match")
    patterns = name_rules(f"re:{pattern}" for pattern, _ in rules)
    only = tuple(dict.fromkeys(renamed(flat_names(section, "modules_in_block_to_quantize"), renames)))
    if len(only) > MOST_RULES:
        raise NotUnderstoodError(f"{section.name}: {len(only)} modules of GPTQ take too long to match")
    return Gptq(_gptq_scheme(section), tuple(rules), patterns, only, section.bool("lm_head", default=False))


def flat_names(section: ConfigReader, key: str) -> list[str]:
    """The names of a list, or of a list of lists."""
    nested = section.optional_list(key) or ()
    flat = [name for each in nested for name in (each if isinstance(each, list) else [each])]
    return [name for name in flat if isinstance(name, str) and name]


def _gptq_scheme(section: ConfigReader) -> Scheme:
    return Grouped(
        bits=section.int("bits", minimum=2, maximum=8),
        group_size=group_size_of(section),
        zero_points=True,
        activation_order=section.bool("desc_act", default=False),
        expert_biases=True,
    )


def _quark(section: ConfigReader, renames: Renames) -> Quantization:
    """AMD Quark's FP8 with one scheme for all layers; entries that are expressions, or layers of their own, are not
    known."""
    whole = section.optional_section("global_quant_config")
    weight = None if whole is None else whole.optional_section("weight")
    inputs = None if whole is None else whole.optional_section("input_tensors")
    own = [section.optional_section(key) for key in ("layer_quant_config", "layer_type_quant_config")]
    excluded = strings(section, "exclude")
    is_simple = not any(each is not None and each.values for each in own) and not any(
        set(entry) & set("*?[:") for entry in excluded
    )
    if weight is None or inputs is None or not is_simple or weight.raw("dtype") != "fp8_e4m3":
        raise NotUnderstoodError(f"{section.name}: Quark weights of this kind are not known")
    static = inputs.raw("is_dynamic") is False
    schemes: dict[object, Scheme] = {
        "per_tensor": EightBitPerTensor(static),
        "per_channel": EightBitPerChannel(static),
    }
    scheme = schemes.get(weight.raw("qscheme"))
    if scheme is None:
        raise NotUnderstoodError(f"{section.name}: Quark FP8 by {weight.raw('qscheme')!r} is not known")
    return ListedFp8("quark", scheme, scheme, name_rules(renamed(excluded, renames)))


def _awq(section: ConfigReader, renames: Renames) -> Quantization:
    scheme = Grouped(
        bits=section.int("bits", "w_bit", minimum=2, maximum=8),
        group_size=group_size_of(section),
        zero_points=section.bool("zero_point", default=True),
    )
    return Listed("awq", scheme, _skipped(section, renames))


def _bitsandbytes(section: ConfigReader, renames: Renames) -> Quantization:
    bits = 8 if section.bool("load_in_8bit", "_load_in_8bit", default=False) else 4
    entries = section.optional_list("llm_int8_skip_modules") or []
    skipped = name_rules([entry for entry in entries if isinstance(entry, str) and entry])
    return Listed("bitsandbytes", BitsAndBytes(bits), skipped)


def _fbgemm_fp8(section: ConfigReader, renames: Renames) -> Quantization:
    return ListedFp8("fbgemm_fp8", EightBitPerChannel(), EightBitPerChannel(), _skipped(section, renames), 0)


def group_size_of(section: ConfigReader) -> int | None:
    """Inputs that share a scale; None: all of them."""
    size = section.int("group_size", "q_group_size", default=-1, minimum=-1, maximum=1 << 20)
    return size if size > 0 else None


def _skipped(section: ConfigReader, renames: Renames) -> NameRules:
    keys = ("ignored_layers", "modules_to_not_convert")
    return name_rules(renamed(strings(section, *keys), renames))


METHODS: dict[str, Callable[[ConfigReader, Renames], Quantization]] = {
    "fp8": _fp8,
    "mxfp4": _mxfp4,
    "gpt_oss_mxfp4": _mxfp4,
    "gptq": _gptq,
    "awq": _awq,
    "bitsandbytes": _bitsandbytes,
    "fbgemm_fp8": _fbgemm_fp8,
    "quark": _quark,
}
"""The reader of each method that is not a module of its own, by the name a checkpoint gives it."""
