"""Variants of a quantization method that a release does not implement."""

from __future__ import annotations

from vllm_costmeter.core.refusals.start import Refusal, Start

_WITHOUT_ORDER = (0, 30)
"""`normalize_and_validate_gptq_desc_act` and `actorder` of compressed_tensors.py, 0.30.0 to 0.33.0."""
_MARLIN_ONLY = (0, 22)
"""`AutoGPTQConfig.TYPE_MAP`, 0.22.0 to 0.33.0; before, GPTQ's own kernels read 2, 3, 4 and 8 bits."""
_GPTQ_BITS = (4, 8)
_WITHOUT_SPARSITY = (0, 22)  # _parse_sparsity_config of compressed_tensors.py, 0.22.0 to 0.33.0


def quantization_scheme_fault(start: Start) -> Refusal | None:
    facts, release = start.model.quantization_facts, start.release
    if facts is None:
        return None
    if facts.has_static_blocks:
        return Refusal(
            "quantization",
            "vLLM serves FP8 weights with weight_block_size only with activation_scheme dynamic; this one is static",
        )
    if facts.reorders_activations and release.minor >= _WITHOUT_ORDER:
        key = "desc_act" if facts.method == "gptq" else "actorder"
        return Refusal(
            "quantization",
            f"vLLM {release} no longer serves checkpoints with reordered activations ({key}); the last release that "
            "does is 0.29",
        )
    if facts.is_sparse and release.minor >= _WITHOUT_SPARSITY:
        return Refusal(
            "quantization",
            f"vLLM {release} no longer serves sparse compressed-tensors checkpoints; the last release that does is "
            "0.21",
        )
    if facts.method == "gptq" and release.minor >= _MARLIN_ONLY and facts.bits is not None:
        symmetric = facts.is_symmetric
        if facts.bits not in _GPTQ_BITS or symmetric is False:
            kind = f"{facts.bits}-bit{' asymmetric' if symmetric is False else ''}"
            return Refusal(
                "quantization",
                f"vLLM {release} serves GPTQ with 4 or 8 symmetric bits only; this checkpoint is {kind}",
            )
    return None
