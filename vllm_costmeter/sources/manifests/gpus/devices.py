"""Which GPUs of a machine a server takes, by number or UUID."""

from __future__ import annotations


def listed_devices(text: str | None) -> tuple[str, ...]:
    """The entries of CUDA_VISIBLE_DEVICES, `--gpus device=` or `device_ids`; none for all, for nothing, and for a
    placeholder."""
    if text is None or "$" in text:
        return ()
    entries = tuple(part.strip() for part in text.strip("\"'").split(",") if part.strip())
    return () if entries and entries[0] in ("all", "void", "none", "-1") else entries
