"""What a container's resources ask for: GPUs, slices of GPUs, or accelerators that vLLM's rules are not known for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.sources.manifests.yaml_tree import Node

_VENDORS: Mapping[str, Literal["nvidia", "amd"]] = {
    "nvidia.com/gpu": "nvidia",
    "nvidia.com/gpu.shared": "nvidia",
    "amd.com/gpu": "amd",
}
_MIG = "nvidia.com/mig-"
_OTHERS: tuple[tuple[str, str], ...] = (
    ("google.com/tpu", "a TPU"),
    ("cloud-tpus.google.com/", "a TPU"),
    ("habana.ai/gaudi", "a Gaudi accelerator"),
    ("aws.amazon.com/neuron", "a Neuron accelerator"),
    ("huawei.com/ascend", "an Ascend accelerator"),
    ("gpu.intel.com/", "an Intel GPU"),
    ("qualcomm.com/qaic", "a Qualcomm accelerator"),
    ("cambricon.com/", "a Cambricon accelerator"),
    ("rebellions.ai/", "a Rebellions accelerator"),
    ("furiosa.ai/", "a Furiosa accelerator"),
    ("tenstorrent.com/", "a Tenstorrent accelerator"),
)
_SHARES = (
    "nvidia.com/gpumem",
    "nvidia.com/gpucores",
    "nvidia.com/gpu-memory",
    "nvidia.com/gpumem-percentage",
)
_MAY_BE_ONE = re.compile(r"(?<![a-z])([vtnx]?gpu|tpu|npu|mlu|accelerator)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The accelerators of one container."""

    count: int
    line: int
    vendor: Literal["nvidia", "amd"] | None = None
    mig_profile: str | None = None
    is_shared: bool = False
    """Whether other containers may have the same GPU (time slicing, MPS)."""
    other: str | None = None
    """What it is if it is no GPU that vLLM's rules are known for: "google.com/tpu is a TPU"."""


def asked_of(container: Node) -> Asked | None:
    """None if the container asks for no accelerator. A located error for a number that is none."""
    for section in ("limits", "requests"):
        table = container.get("resources", section)
        found = asked_among(table.mapping(f"resources.{section}")) if table is not None else None
        if found is not None:
            return found
    return None


def asked_among(entries: Mapping[str, Node]) -> Asked | None:
    """The first accelerator among resources by name."""
    share = next((key for key in entries if key in _SHARES), None)
    for key, value in entries.items():
        found = _asked(key, value, share)
        if found is not None and found.count:
            return found
    return None


def _asked(key: str, value: Node, share: str | None) -> Asked | None:
    if key in _VENDORS:
        other = f"{share} gives it part of a GPU's memory" if share is not None else None
        shared = key.endswith(".shared")
        return Asked(_count(value, key), value.place.line, _VENDORS[key], is_shared=shared, other=other)
    if key.startswith(_MIG):
        profile = key.removeprefix(_MIG).removesuffix(".shared")
        return Asked(_count(value, key), value.place.line, "nvidia", mig_profile=profile)
    folded = key.casefold()
    kind = next((kind for start, kind in _OTHERS if folded.startswith(start)), None)
    if kind is not None:
        return Asked(1, value.place.line, other=f"{key} is {kind}")
    if "/" in key and key not in _SHARES and _MAY_BE_ONE.search(key):
        return Asked(1, value.place.line, other=f"{key} is not a known resource")
    return None


def is_accelerator(key: str) -> bool:
    """Whether a key of an object asks for an accelerator by a name that is known."""
    folded = key.casefold()
    return key in _VENDORS or key.startswith(_MIG) or any(folded.startswith(start) for start, _ in _OTHERS)


def _count(node: Node, what: str) -> int:
    """A whole number; 0 asks for nothing."""
    text = node.string(what).strip()
    if not re.fullmatch(r"\d{1,5}", text):
        raise node.place.fault(f"{what} must be a whole number, got {text[:40]!r}")
    return int(text)
