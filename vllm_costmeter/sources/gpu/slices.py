"""MIG slices of the catalogue's GPUs, by the profile's name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import GpuGroup, GpuPrice
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import default_price, find_gpu, load_catalogue
from vllm_costmeter.sources.catalogue.mig import profile_name, slice_spec, split_slice


def slice_of(profile: str, names: Sequence[str] = ()) -> GpuGroup:
    """One slice "1g.10gb" of the first of these GPUs that has it, or of the one with the least memory in it.

    "1g.10gb.me" has the memory of "1g.10gb", a compute instance "1c.3g.40gb" that of "3g.40gb". BadInputError for a
    profile that none has. Only where one GPU is named is the price known.
    """
    wanted = profile_name(profile)
    gpus = [find_gpu(name) for name in names] or load_catalogue().gpus
    found = [(gpu, each) for gpu in gpus for each in gpu.mig_profiles or () if each.name == wanted]
    if not found:
        known = sorted({each.name for gpu in gpus for each in gpu.mig_profiles or ()})
        whose = f"the {' or the '.join(gpu.name for gpu in gpus)}" if names else "a GPU"
        raise BadInputError(
            f"{profile!r:.40} is no MIG profile of {whose} in the catalogue"
            f"{': ' + ', '.join(known) if names and known else ''}; give its memory with --gpu-memory-gib"
        )
    gpu, part = found[0] if names else min(found, key=lambda pair: pair[1].memory_bytes[0])
    spec = slice_spec(gpu, part.name)
    return replace(spec.as_gpu(), is_count_stated=True, price=price_of(spec) if len(names) == 1 else None)


def slices_beside(gpu: GpuGroup) -> list[GpuGroup]:
    """All slices of the GPU that `gpu` is a slice of; none unless its name is that of one GPU in the catalogue."""
    name, _ = split_slice(gpu.name) or ("", "")
    found = load_catalogue().matching(name) if name else ()
    specs = [slice_spec(whole, each.name) for whole in found[:1] for each in whole.mig_profiles or ()]
    return [replace(spec.as_gpu(), price=price_of(spec)) for spec in specs] if len(found) == 1 else []


def price_of(spec: GpuSpec, today: date | None = None) -> GpuPrice | None:
    """The default rental price of a slice, by its part of the GPU; None if the GPU has none."""
    from vllm_costmeter.core.pricing.quote import STALE_AFTER_DAYS

    quote = default_price(spec)
    if quote is None:
        return None
    stale = quote.age_days(today or datetime.now(UTC).date()) > STALE_AFTER_DAYS
    return GpuPrice(quote.usd_per_gpu_hour, quote.as_of, stale, quote.source)
