"""The seconds of moving data between GPUs, by the kind of link.

An all-reduce of a message takes a floor plus the message over a rate, both by the number of GPUs. Fitted to NVIDIA's
timings of all-reduces inside a CUDA graph in vLLM (aiconfigurator 0.12.0, Apache-2.0, read 2026-11; the rows are in
tests/data/throughput/all_reduce.csv). Kinds that nobody timed there are scaled by the published rate of the link.
"""

from __future__ import annotations

from collections.abc import Mapping

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, nearest
from vllm_costmeter.core.gpu.spec import GpuSpec

LARGEST_TIMED = 8


@dataclass(frozen=True, slots=True)
class Link:
    """Between the GPUs of one machine, or of two."""

    name: str
    words: str
    floor_seconds: Mapping[int, float]
    """Of one all-reduce, by the number of GPUs: 2, 4, 8."""
    message_bytes_per_second: Mapping[int, float]
    """Size of the message over the time, not NCCL's bus bandwidth."""
    hop_bytes_per_second: float
    """From one GPU to another, as between pipeline stages."""
    timed: bool = True
    """False: scaled from a link that was timed."""

    def all_reduce_seconds(self, message_bytes: float, gpus: int) -> float:
        """One all-reduce of `message_bytes` over `gpus` GPUs; more than eight exchange between machines as well,
        assumed to take 1.4 times as long for each doubling."""
        if gpus == 1:
            return 0.0
        size = min((count for count in self.floor_seconds if count >= gpus), default=LARGEST_TIMED)
        once = self.floor_seconds[size] + message_bytes / self.message_bytes_per_second[size]
        rounds: float = max(1.0, (gpus / LARGEST_TIMED) ** 0.5)
        return once * rounds

    def hop_seconds(self, message_bytes: float) -> float:
        """One message from a GPU to the next."""
        return self.floor_seconds[2] + message_bytes / self.hop_bytes_per_second


def _scaled(link: Link, factor: float, name: str, words: str) -> Link:
    rates = {gpus: rate * factor for gpus, rate in link.message_bytes_per_second.items()}
    hop = link.hop_bytes_per_second * factor
    return replace(
        link, name=name, words=words, message_bytes_per_second=rates, hop_bytes_per_second=hop, timed=False
    )


def _sizes(two: float, four: float, eight: float, unit: float) -> dict[int, float]:
    return {2: two * unit, 4: four * unit, 8: eight * unit}


NVLINK_5 = Link(
    "nvlink5", "NVLink, 900 GB/s", _sizes(7, 7.5, 9, 1e-6), _sizes(330, 280, 300, 1e9), 700e9
)  # B200 and B300, NVSwitch
NVLINK_4 = Link(
    "nvlink4", "NVLink, 450 GB/s", _sizes(4.4, 5, 6, 1e-6), _sizes(200, 145, 150, 1e9), 360e9
)  # H100 and H200, NVSwitch
NVLINK_3 = Link(
    "nvlink3", "NVLink, 300 GB/s", _sizes(5, 5.5, 6, 1e-6), _sizes(150, 110, 95, 1e9), 240e9
)  # A100, NVSwitch
NVLINK_2 = _scaled(NVLINK_3, 0.5, "nvlink2", "NVLink, 150 GB/s")
PCIE_5 = Link(
    "pcie5", "PCIe 5.0 x16, peer to peer", _sizes(5, 14, 27, 1e-6), _sizes(36, 18, 12.5, 1e9), 50e9
)  # RTX PRO 6000 Server; a hop: 51 to 56 GB/s by p2pBandwidthLatencyTest (voipmonitor/rtx6kpro, read 2026-11)
PCIE_4 = Link(
    "pcie4", "PCIe 4.0 x16, peer to peer", _sizes(6, 14, 26, 1e-6), _sizes(18.5, 2.5, 1.05, 1e9), 25e9
)  # L40S; four and eight of them on two sockets
PCIE_3 = _scaled(PCIE_4, 0.5, "pcie3", "PCIe 3.0 x16, peer to peer")
PCIE_4_SWITCH = Link(
    "pcie4-switch",
    "PCIe 4.0 x16, peer to peer on one socket or switch",
    _sizes(6, 14, 26, 1e-6),
    _sizes(18.5, 17.2, 14, 1e9),
    25e9,
    timed=False,
)
"""Four: 17.2 GB/s on 4x RTX 4090 D with a driver patched for peer to peer (tinygrad/open-gpu-kernel-modules, issue 36,
read 2026-11); eight: by the rings' n / (2n - 2) from there."""
PCIE_4_HOST = Link(
    "pcie4-host",
    "PCIe 4.0 x16 through host memory",
    _sizes(12, 14, 26, 1e-6),
    _sizes(9.2, 2.5, 1.05, 1e9),
    12e9,
    timed=False,
)
"""Without peer to peer every byte crosses the link to host memory and back: half of two L40S's rate. Four and eight are
L40S's own, because across two sockets NCCL moves the data through host memory as well."""
PCIE_5_HOST = _scaled(PCIE_4_HOST, 2.0, "pcie5-host", "PCIe 5.0 x16 through host memory")
PCIE_3_HOST = _scaled(PCIE_4_HOST, 0.5, "pcie3-host", "PCIe 3.0 x16 through host memory")
INFINIBAND = Link(
    "infiniband",
    "InfiniBand NDR, 400 Gb/s per GPU",
    _sizes(20, 25, 30, 1e-6),
    _sizes(40, 30, 25, 1e9),
    45e9,
    timed=False,
)
"""Between machines; 50 GB/s per GPU by NVIDIA's ConnectX-7 data sheet (2022), 90 % of it reached."""
ETHERNET = Link(
    "ethernet", "Ethernet, 100 Gb/s", _sizes(50, 60, 70, 1e-6), _sizes(9, 6, 5, 1e9), 11e9, timed=False
)
"""Between machines; 12.5 GB/s by its name, 90 % of it reached."""
LINKS: Mapping[str, Link] = {
    link.name: link
    for link in (
        NVLINK_5,
        NVLINK_4,
        NVLINK_3,
        NVLINK_2,
        PCIE_5,
        PCIE_5_HOST,
        PCIE_4_SWITCH,
        PCIE_4,
        PCIE_4_HOST,
        PCIE_3,
        PCIE_3_HOST,
        INFINIBAND,
        ETHERNET,
    )
}


def link_named(name: str) -> Link:
    """The link with this name. BadInputError lists the names."""
    found = LINKS.get(name.strip().casefold())
    if found is None:
        raise BadInputError(f"unknown link {name!r:.40}{nearest(name, LINKS)}; known: {', '.join(LINKS)}")
    return found


def link_of(gpu: GpuSpec, gpus: int = 2) -> Link:
    """The link between `gpus` of these GPUs in one machine, from the catalogue: NVLink by its rate, otherwise PCIe.

    A bridge joins two boards: more of them (H100 NVL) exchange over PCIe. An optional bridge does not count: most
    machines have none. PCIe is peer to peer unless the catalogue says that the driver forbids it, as for GeForce."""
    is_bridged = gpu.nvlink_bridge_bytes_per_second is not None and gpus > 2
    if (gpu.link_type or "").startswith("NVLink") and gpu.link_bytes_per_second and not is_bridged:
        rate = gpu.link_bytes_per_second
        steps = ((900e9, NVLINK_5), (450e9, NVLINK_4), (300e9, NVLINK_3), (0.0, NVLINK_2))
        return next(link for least, link in steps if rate >= least)
    generation, lanes = gpu.pcie_generation or 4, gpu.pcie_lanes or 16
    kind = f"pcie{min(max(generation, 3), 5)}" + ("-host" if gpu.peer_to_peer is False else "")
    link = LINKS[kind]
    if lanes == 16:
        return link
    return _scaled(link, lanes / 16, link.name, link.words.replace("x16", f"x{lanes}"))
