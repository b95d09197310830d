"""Quantization that vLLM applies itself while it loads a 16-bit checkpoint (`--quantization ...`)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest
from vllm_costmeter.core.quantization.scheme import PLAIN, Quantization, Scheme
from vllm_costmeter.core.quantization.schemes.fp4 import Mxfp8, OnlineMxfp4, OnlineNvfp4
from vllm_costmeter.core.quantization.schemes.fp8 import EightBitPerChannel, EightBitPerTensor, Fp8PerBlock
from vllm_costmeter.core.quantization.schemes.integer import BitsAndBytes
from vllm_costmeter.core.release import Release, dotted

_FP8_ATTENTION_VALUES = (
    4  # Fp8KVCacheMethod adds q, k, v and prob scales in the served dtype, vLLM 0.17 to 0.25
)


@dataclass(frozen=True, slots=True)
class Online:
    """Every linear layer and every expert under one scheme; embeddings, the output head and routers stay
    unquantized."""

    method: str
    linear: Scheme
    experts: Scheme
    attention_values: int = 0

    def attention_bytes(self, element_bytes: int, is_mla: bool) -> int:
        return 0 if is_mla else self.attention_values * element_bytes

    def linear_scheme(self, name: str, fused_from: tuple[str, ...]) -> Scheme:
        return self.linear

    def experts_scheme(self, name: str, checkpoint_names: tuple[str, ...]) -> Scheme:
        return self.experts

    def head_scheme(self, name: str) -> Scheme:
        return PLAIN

    def layer_key(self, index: int) -> Hashable:
        return None


_TENSOR = EightBitPerTensor()
_EXPERTS_ONLY = EightBitPerChannel()
_ONLINE = {  # what each name covers: `_ONLINE_SHORTHANDS` in vLLM 0.32's config/quantization.py; fp8 until 0.30
    "fp8": Online("fp8", _TENSOR, _TENSOR, _FP8_ATTENTION_VALUES),
    "fp8_per_tensor": Online("fp8_per_tensor", _TENSOR, _TENSOR),
    "fp8_per_channel": Online("fp8_per_channel", EightBitPerChannel(), EightBitPerChannel()),
    "fp8_per_block": Online("fp8_per_block", Fp8PerBlock(), Fp8PerBlock(rounds_shares=True)),
    "mxfp8": Online("mxfp8", Mxfp8(), Mxfp8()),
    "mxfp4": Online("mxfp4", OnlineMxfp4(), OnlineMxfp4()),
    "nvfp4_per_token": Online("nvfp4_per_token", PLAIN, OnlineNvfp4()),
    "int8_per_channel_weight_only": Online("int8_per_channel_weight_only", PLAIN, _EXPERTS_ONLY),
    "experts_int8": Online("experts_int8", PLAIN, _EXPERTS_ONLY),
    "bitsandbytes": Online("bitsandbytes", BitsAndBytes(), BitsAndBytes()),
}
_ROUNDS_SHARES = (0, 25)  # maybe_roundup_sizes of Fp8PerBlockOnlineMoEMethod, in 0.25.1 and not in 0.24.0
_DATA_CENTRE_BLACKWELL = 10
_FIRST: Mapping[str, tuple[int, int]] = {
    # first vLLM that quantizes a 16-bit checkpoint under this name (its source, 0.17 to 0.32)
    "fp8": (0, 17),  # since 0.31 "deprecated", and taken for fp8_per_tensor (weight_utils.py)
    "fp8_per_tensor": (0, 20),  # OnlineQuantScheme, config/quantization.py
    "fp8_per_channel": (0, 24),
    "fp8_per_block": (0, 20),
    "mxfp8": (0, 19),
    "mxfp4": (0, 28),
    "int8_per_channel_weight_only": (0, 20),
    "nvfp4_per_token": (0, 26),
    "experts_int8": (0, 17),
    "bitsandbytes": (0, 17),  # from 0.28 on by a plugin: `method_fault`
}


def online_quantization(name: str, release: Release) -> Quantization:
    """The quantization that `--quantization name` applies to an unquantized checkpoint."""
    found = _ONLINE.get(name)
    if found is None:
        raise NotUnderstoodError(
            f"--quantization {name}: no file that was read contains its scheme, so its weights are unknown; "
            f"--quantization q4 checks a 4-bit checkpoint of the model"
            f"{nearest(name, _ONLINE)}"
        )
    if name == "fp8_per_block" and release.minor < _ROUNDS_SHARES:
        return replace(found, experts=Fp8PerBlock())
    return found


def online_fp8(release: Release) -> str:
    """The `--quantization` name of FP8 weights with one scale per layer in this vLLM."""
    return "fp8" if release.minor < _FIRST["fp8_per_tensor"] else "fp8_per_tensor"


def check_online(
    name: str,
    release: Release,
    compute_capability: tuple[int, int] | None = None,
    *,
    has_experts: bool = False,
) -> None:
    """Raises BadInputError if this vLLM release, or vLLM on this GPU, refuses `--quantization name` for a 16-bit
    checkpoint although others accept it."""
    first = _FIRST.get(name)
    if first is not None and release.minor < first:
        raise BadInputError(
            f"--quantization {name}: vLLM quantizes a 16-bit checkpoint under this name from {dotted(first)}, not in "
            f"{dotted(release.minor)}; use --quantization {online_fp8(release)}"
        )
    if compute_capability is None:
        return
    needs = {"fp8_per_channel": "8.9 or newer"} if compute_capability < (8, 9) else {}
    if has_experts and compute_capability[0] != _DATA_CENTRE_BLACKWELL:
        needs["nvfp4_per_token"] = "10.x"
    if name in needs:
        raise BadInputError(
            f"--quantization {name} needs a GPU with compute capability {needs[name]}; this one has "
            f"{dotted(compute_capability)}; use --quantization {online_fp8(release)}"
        )
