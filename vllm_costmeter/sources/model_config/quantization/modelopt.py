"""ModelOpt's quantization section: `quant_algo`, exclusions, and a list of layers for mixed precision."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.quantization.names import NameRules, name_rules
from vllm_costmeter.core.quantization.scheme import Quantization, Scheme
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp8, Nvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.modelopt import ModelOpt, ModelOptMixed
from vllm_costmeter.sources.model_config.quantization.module_names import Renames, rename, renamed, strings
from vllm_costmeter.sources.model_config.reader import ConfigReader

_ALGORITHMS: dict[str, Scheme] = {  # QUANT_ALGOS and LINEAR_ALGOS in vLLM 0.32's quantization/modelopt.py
    "FP8": EightBitPerTensor(static_input=True),
    "FP8_PER_CHANNEL_PER_TOKEN": EightBitPerChannel(),
    "FP8_PB_WO": Fp8PerBlock(),
    "NVFP4": Nvfp4(),
    "W4A16_NVFP4": Nvfp4(input_scale_bytes=2),
    "MXFP8": Mxfp8(),
}
_METHODS = {"NVFP4": "modelopt_fp4", "W4A16_NVFP4": "modelopt_fp4", "MXFP8": "modelopt_mxfp8"}


def modelopt(section: ConfigReader, renames: Renames) -> Quantization:
    """Both shapes: `quantization.quant_algo` (hf_quant_config.json) and `quant_algo` beside `ignore` (config.json)."""
    nested = section.optional_section("quantization")
    body = nested if nested is not None else section
    algorithm = (body.optional_str("quant_algo") or "").upper()
    if not algorithm:
        raise BadInputError(f"{section.name}: {body.path}quant_algo is missing: vLLM refuses this checkpoint")
    excluded = _excluded(strings(body, "exclude_modules", "ignore"), renames)
    if algorithm == "MIXED_PRECISION":
        return _mixed(body, excluded, renames)
    return ModelOpt(_METHODS.get(algorithm, "modelopt"), _scheme(algorithm, section), excluded)


def _scheme(algorithm: str, section: ConfigReader) -> Scheme:
    found = _ALGORITHMS.get(algorithm)
    if found is None:
        near = nearest(algorithm, _ALGORITHMS)
        raise NotUnderstoodError(f"{section.name}: ModelOpt algorithm {algorithm!r} is not known{near}")
    return found


def _mixed(body: ConfigReader, excluded: NameRules, renames: Renames) -> Quantization:
    listed = body.optional_section("quantized_layers")
    if listed is None:
        raise BadInputError(f"{body.name}: MIXED_PRECISION needs quantized_layers")
    algorithms: dict[str, str] = {}
    for name, entry in listed.values.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("quant_algo"), str):
            raise BadInputError(f"{body.name}: quantized_layers.{name[:60]} needs a quant_algo")
        algorithms[rename(name, renames)] = entry["quant_algo"].upper()
    schemes = {algorithm: _scheme(algorithm, body) for algorithm in set(algorithms.values())}
    cache = body.raw("kv_cache_quant_algo", "kv_cache_scheme")
    return ModelOptMixed(
        "modelopt_mixed", schemes, algorithms, name_rules(algorithms), excluded, kv_scales=bool(cache)
    )


def _excluded(entries: list[str], renames: Renames) -> NameRules:
    """`path*` stands for the module and all below it; vLLM splits it in two so that names map."""
    split: list[str] = []
    for entry in entries:
        if len(entry) >= 2 and entry.endswith("*") and entry[-2] != ".":
            split += [entry[:-1], entry[:-1] + ".*"]
        else:
            split.append(entry)
    return name_rules(renamed(split, renames))
