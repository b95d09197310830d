"""MIG slices of the catalogue's GPUs, by the profile's name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.sources.catalogue.load import find_gpu, load_catalogue
from vllm_costmeter.sources.catalogue.mig import slice_spec


def slice_of(profile: str, names: Sequence[str] = ()) -> GpuGroup:
    """One slice "1g.10gb" of the first of these GPUs that has it, or of the one with the least memory in it.

    "1g.10gb.me" has the memory of "1g.10gb", a compute instance "1c.3g.40gb" that of "3g.40gb". BadInputError for a
    profile that none has.
    """
    wanted = re.sub(r"^\d+c\.|[.+](me|gfx)(\.all)?$|[-+]me$", "", profile.strip().casefold())
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
    return replace(slice_spec(gpu, part.name).as_gpu(), is_count_stated=True)
