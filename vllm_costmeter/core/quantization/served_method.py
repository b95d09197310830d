"""The quantization method under which a release of vLLM serves a checkpoint."""

from __future__ import annotations

from vllm_costmeter.core.quantization.facts import QuantizationFacts
from vllm_costmeter.core.release import Release

_AUTO_GPTQ, _AUTO_AWQ = (0, 22), (0, 24)
"""First releases with one class for all kernels of a method (`override_quantization_method`)."""
_MARLIN_GROUPS = (-1, 32, 64, 128)  # MARLIN_SUPPORTED_GROUP_SIZES of marlin_utils.py, 0.17.0 to 0.23.0
_MARLIN_CAPABILITY = (7, 5)
_MARLIN_BITS = (4, 8)
_SAME = {
    "auto-round": "inc",
    "auto_round": "inc",
}


def served_method(
    facts: QuantizationFacts, asked: str | None, release: Release, capability: tuple[int, int] | None
) -> str:
    """The name of the method whose class decides GPU and dtype: "gptq_marlin" for a GPTQ checkpoint that Marlin's
    kernels can read, "auto_gptq" from 0.22. `asked` is `--quantization`; an unknown GPU counts as new enough."""
    if facts.method == "gptq":
        if release.minor >= _AUTO_GPTQ:
            return "auto_gptq"
        return "gptq" if asked == "gptq" or not _marlin_reads(facts, capability) else "gptq_marlin"
    if facts.method == "awq":
        if release.minor >= _AUTO_AWQ:
            return "auto_awq"
        return "awq" if asked == "awq" or not _marlin_reads(facts, capability) else "awq_marlin"
    return _SAME.get(facts.method, facts.method)


def _marlin_reads(facts: QuantizationFacts, capability: tuple[int, int] | None) -> bool:
    """`is_gptq_marlin_compatible` and `is_awq_marlin_compatible`, 0.17.0 to 0.23.0."""
    if capability is not None and capability < _MARLIN_CAPABILITY:
        return False
    kind = facts.is_symmetric if facts.method == "gptq" else facts.has_zero_points
    return kind is True and facts.bits in _MARLIN_BITS and facts.group_size in _MARLIN_GROUPS
