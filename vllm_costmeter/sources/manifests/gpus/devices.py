"""Which GPUs of a machine a server takes, by number or UUID."""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.whole_number import whole_number

EVERY = tuple(map(str, range(16)))
"""All GPUs of a machine, of which a server takes the first."""


_WITHIN = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def listed_devices(text: str | None) -> tuple[str, ...] | None:
    """The entries of CUDA_VISIBLE_DEVICES, `--gpus device=` or `device_ids`: every GPU for `all`; None where nothing is
    given or a placeholder stands for it."""
    if text is None or "$" in text:
        return None
    entries = tuple(part.strip() for part in text.strip("\"' ").split(",") if part.strip())
    if entries == ("all",):
        return EVERY
    return () if not entries or entries[0] in ("void", "none", "-1") else entries


def visible_devices(container: tuple[str, ...] | None, variables: Mapping[str, str]) -> tuple[str, ...]:
    """What is left of the container's GPUs by NVIDIA_VISIBLE_DEVICES, where nothing else gives it any, and by
    CUDA_VISIBLE_DEVICES (HIP's, ROCr's), whose numbers count those. Empty where it is not known."""
    given = container if container is not None else listed_devices(variables.get("NVIDIA_VISIBLE_DEVICES"))
    said = next((variables[name] for name in _WITHIN if name in variables), None)
    chosen = listed_devices(said)
    if chosen is None:
        return given or ()
    if given is None:
        return chosen
    numbers = map(whole_number, chosen)
    return tuple(given[each] for each in numbers if each is not None and each < len(given))
