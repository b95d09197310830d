"""The effect of `--quantization` on a checkpoint: another name of its own method, a refusal, or a conversion."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.quantization.scheme import UNQUANTISED, Quantization
from vllm_costmeter.core.release import Release

_MODELOPT = frozenset({"modelopt", "modelopt_fp4", "modelopt_mxfp8", "modelopt_mixed"})
_SPELLINGS: Mapping[str, frozenset[str]] = {
    # method of a checkpoint -> names under which vLLM loads it the same way: asked of vLLM 0.32.0 for each name of its
    # QUANTIZATION_METHODS (tests/data/quantization_flags_vllm_0.32.jsonl, 2026-11)
    "awq": frozenset({"awq", "auto_awq", "awq_marlin"}),
    "gptq": frozenset({"gptq", "auto_gptq", "gptq_marlin"}),
    "fp8": frozenset({"fp8"}),
    "compressed-tensors": frozenset({"compressed-tensors"}),
    "mxfp4": frozenset({"mxfp4", "gpt_oss_mxfp4"}),
    **dict.fromkeys(_MODELOPT, _MODELOPT),
}
_REFUSES_OTHERS = frozenset({"awq", "gptq", "fp8", "compressed-tensors"})
_OTHERS = frozenset(  # names that mean another method, in every vLLM that lists them
    {
        "auto_awq",
        "auto_gptq",
        "awq",
        "awq_marlin",
        "compressed-tensors",
        "experts_int8",
        "fp8",
        "fp8_per_block",
        "fp8_per_channel",
        "fp8_per_tensor",
        "gpt_oss_mxfp4",
        "gptq",
        "gptq_marlin",
        "int8_per_channel_weight_only",
        "modelopt",
        "modelopt_fp4",
        "modelopt_mixed",
        "modelopt_mxfp8",
        "mxfp4",
        "mxfp8",
        "nvfp4_per_token",
        "quark",
        "torchao",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """`--quantization`, and what determines whether vLLM accepts it."""

    name: str
    release: Release
    compute_capability: tuple[int, int] | None
    has_experts: bool


def check_flag(asked: Asked, own: str | None) -> None:
    """Raises BadInputError if vLLM refuses the flag for a checkpoint with method `own` (None: unquantized)."""
    if own is None:
        from vllm_costmeter.core.quantization.online import check_online

        check_online(asked.name, asked.release, asked.compute_capability, has_experts=asked.has_experts)
    elif own in _REFUSES_OTHERS and asked.name in _OTHERS - _SPELLINGS[own]:
        raise BadInputError(
            f"--quantization {asked.name}: the checkpoint is quantized with {own}, and vLLM refuses any other "
            "method; omit the flag"
        )


def quantization_under(own: Quantization, asked: str | None, release: Release) -> Quantization:
    """The quantization with which a checkpoint is served. Raises NotUnderstoodError if it is not modelled."""
    if asked is None or asked == own.method or asked in _SPELLINGS.get(own.method, ()):
        return own
    if own.method == UNQUANTISED.method:
        from vllm_costmeter.core.quantization.online import online_quantization

        return online_quantization(asked, release)
    raise NotUnderstoodError(f"--quantization {asked} on a checkpoint that is quantized with {own.method}")
