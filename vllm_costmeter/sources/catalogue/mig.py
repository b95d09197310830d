"""A MIG slice as a GPU of its own: "H100 SXM MIG 3g.40gb"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import SLICE_MARK
from vllm_costmeter.core.gpu.spec import GpuSpec, MigProfile, Provenance
from vllm_costmeter.core.pricing.quote import RentalQuote

_NAMED = re.compile(r"(.*?\S)[\s,-]+(?:mig[\s-]*)?((?:\d+c\.)?\d+g\.\d+gb[\w.+-]*)", re.IGNORECASE)


def split_slice(text: str) -> tuple[str, str] | None:
    """("H100 SXM", "3g.40gb") of "H100 SXM MIG 3g.40gb"; None for a whole GPU.

    A node label is read too: "NVIDIA-H100-80GB-HBM3-MIG-3g.40gb".
    """
    found = _NAMED.fullmatch(text.strip())
    return (found[1], profile_name(found[2])) if found else None


def profile_name(text: str) -> str:
    """The profile whose memory it has: "1g.10gb" of "1g.10gb+me" and "1g.10gb.me" (media extensions), "3g.40gb" of
    "1c.3g.40gb" (one of its compute instances)."""
    return re.sub(r"^\d+c\.|[.+](me|gfx)(\.all)?$|[-+]me$", "", text.strip().casefold())


def having_profile(gpus: Sequence[GpuSpec], profile: str) -> Sequence[GpuSpec]:
    """Of the GPUs that a name may mean, those that have the profile. BadInputError if none of several has it."""
    if len(gpus) < 2:
        return gpus
    found = [gpu for gpu in gpus if any(each.name == profile for each in gpu.mig_profiles or ())]
    if not found:
        names = ", ".join(gpu.name for gpu in gpus)
        raise BadInputError(f"{profile!r:.40} is no MIG profile of any of {names} in the catalogue")
    return found


def slice_spec(gpu: GpuSpec, profile: str) -> GpuSpec:
    """The slice: memory as CUDA shows it, rates by compute slices, bandwidth by memory slices. What a slice has not of
    its own (links, power, purchase prices) is absent. BadInputError for a profile that the GPU lacks."""
    part = _part(gpu, profile)
    low, high = part.memory_bytes
    shares = dict.fromkeys(_RATES, (part.compute_slices, _most(gpu, "compute"), "compute"))
    shares["bandwidth_bytes_per_second"] = (part.memory_slices, _most(gpu, "memory"), "memory")
    rates = {
        name: getattr(gpu, name) * some / of
        for name, (some, of, _) in shares.items()
        if getattr(gpu, name) is not None
    }
    profiles = gpu.provenance.get("mig_profiles", Provenance("MIG profiles of the GPU", None))
    origins = {"memory_bytes": replace(profiles, low=low, high=high, estimated=low != high)}
    for name in rates:
        some, of, kind = shares[name]
        whole = gpu.provenance.get(name, Provenance("the GPU's", None))
        said = f"derived: {some} of {of} {kind} slices of the {gpu.name}: {whole.source}"
        origins[name] = replace(whole, source=said, low=None, high=None)
    return GpuSpec(
        name=f"{gpu.name}{SLICE_MARK}{part.name}",
        vendor=gpu.vendor,
        memory_bytes=low,
        memory_type=gpu.memory_type,
        transformer_engine=gpu.transformer_engine,
        compute_capability=gpu.compute_capability,
        mig_instances=0,
        provenance=origins,
        **rates,
    )


def memory_share(gpu: GpuSpec, profile: str) -> float:
    """The part of the GPU that is charged for a slice: its memory slices, as `costmeter_gpu_share_basis` mig_memory."""
    return _part(gpu, profile).memory_slices / _most(gpu, "memory")


def slice_quote(quote: RentalQuote, slice_: GpuSpec, share: float) -> RentalQuote:
    """A whole GPU's quote for one slice of it."""
    return replace(
        quote,
        gpu=slice_.name,
        usd_per_gpu_hour=quote.usd_per_gpu_hour * share,
        source=f"{share:g} of {quote.gpu}, by memory slices: {quote.source}",
    )


_RATES = (
    "fp32_flops_per_second",
    "tf32_flops_per_second",
    "bf16_flops_per_second",
    "fp16_flops_per_second",
    "fp8_flops_per_second",
    "fp4_flops_per_second",
    "int8_ops_per_second",
)


def _part(gpu: GpuSpec, profile: str) -> MigProfile:
    known = gpu.mig_profiles or ()
    found = next((each for each in known if each.name == profile), None)
    if found is None:
        names = f" has {', '.join(each.name for each in known)}" if known else " has no MIG profiles"
        raise BadInputError(f"{profile!r:.40} is no MIG profile: the {gpu.name}{names} in the catalogue")
    return found


def _most(gpu: GpuSpec, kind: Literal["compute", "memory"]) -> int:
    """Slices of the whole GPU: seven or four of compute, eight or four of memory."""
    return max(
        each.compute_slices if kind == "compute" else each.memory_slices for each in gpu.mig_profiles or ()
    )
