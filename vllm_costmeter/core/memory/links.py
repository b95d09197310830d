"""NCCL memory per GPU once vLLM's profile run has connected its channels, by the link between the GPUs.

Communicators, vLLM's custom all-reduce and its symmetric buffers are created before vLLM's first memory
snapshot, so `--disable-custom-all-reduce` changes the free memory by less than 0.1 GiB and the budget not at
all. NCCL is what grows in the profile run: it connects its channels on first use (runtime connect, NCCL 2.27
to 2.30), and the profile batch exceeds the size limit of custom all-reduce. Buffers exist per channel and
peer: NVLink has 16 to 32 channels, PCIe 2 to 4. Values were logged as growth of non-torch memory, or bounded
by the remainder of a logged pool (0.17 to 0.28).
"""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.gpu.group import GpuGroup

Version = tuple[int, int, int]

SINCE: Version = (0, 15, 0)
"""Older releases logged less (0.2 GiB at TP 2 on A100 with 0.10.1); `release_rules` has their values."""


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """(least, usual, most) GiB per GPU, and the logs behind them."""

    gib: tuple[float, float, float]
    evidence: str


H100_NVLINK = LinkMemory((1.9, 2.1, 2.3), "2.06 to 2.21 GiB in 10 starts of 0.19.0 at TP 2 and 4 on H100 SXM")
HOPPER_NVLINK = LinkMemory((0.9, 2.1, 2.3), f"{H100_NVLINK.evidence}, 1.38 on H200 with a release of 2025-10")
BLACKWELL_NVLINK = LinkMemory((0.6, 1.2, 1.8), "0.95 GiB logged at 4 x GB200, 1.63 on B300 (2026-08)")
AMPERE_NVLINK = LinkMemory((0.1, 0.8, 2.25), "0.2 GiB logged at TP 2 on A100; NVLink or PCIe not stated")
PCIE_TWO = LinkMemory((0.1, 0.45, 0.8), "at most 0.75 GiB on 2 x RTX 5090, 0.74 on 2 x RTX 3090")
PCIE_MORE = LinkMemory((0.2, 1.0, 1.8), "1.70 GiB on 4 x RTX PRO 6000")
PCIE_OR_BRIDGE = LinkMemory((0.1, 0.45, 1.2), "as PCIe; an NVLink bridge may join two of these GPUs")

BRIDGED = (
    "3090",
    "a6000",
    "a5500",
    "a5000",
    "a4500",
    "a40",
    "2080",
    "titan rtx",
    "rtx 8000",
    "rtx 6000",
    "quadro",
)
"""GPUs before Ada that support an NVLink bridge (NVIDIA's product pages, 2020 to 2022)."""


def link_memory(gpu: GpuGroup, gpus: int) -> LinkMemory | None:
    """NCCL memory on one of `gpus` linked GPUs; None if the compute capability is unknown (AMD included)."""
    if gpu.compute_capability is None:
        return None
    major, minor = gpu.compute_capability
    name = gpu.name.casefold()
    if major == 10:
        return BLACKWELL_NVLINK
    if major == 9 and "pcie" not in name:
        return H100_NVLINK if "h100" in name else HOPPER_NVLINK
    if (major, minor) in ((7, 0), (8, 0)):
        return AMPERE_NVLINK
    if gpus > 2:
        return PCIE_MORE
    has_bridge = major == 9 or ((major, minor) < (8, 9) and any(each in name for each in BRIDGED))
    return PCIE_OR_BRIDGE if has_bridge else PCIE_TWO
