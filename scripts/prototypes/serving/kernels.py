"""The time of one kernel on each GPU: a floor, and the shares of bandwidth and dense rate that it reaches.

Prototype. Every constant is a fit to kernels that NVIDIA timed one by one inside vLLM (aiconfigurator 0.12.0,
Apache-2.0, vLLM 0.24.0; A100: 0.14.0), never to serving:
seconds = floor + (memory^p + compute^p)^(1/p), p = 1.5 or 6 as measured.
GPUs that were not timed use the constants of their generation.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kernel:
    """Floor in seconds; shares of the published bandwidth and dense rate; how sharply the two limits meet."""

    floor: float
    memory: float
    compute: float
    sharpness: float = 1.5
    narrow: float = 0.0
    """Columns of padding per slice of an expert; narrow slices (tensor parallelism) waste that much."""

    def seconds(self, read: float, work: float, columns: float = float("inf")) -> float:
        """`read`: seconds at the published bandwidth; `work`: seconds at the dense rate."""
        waste = 1 + self.narrow / columns
        memory, compute = read * waste / self.memory, work * waste / self.compute
        longest = max(memory, compute)
        if longest == 0:
            return self.floor
        shorter = min(memory, compute) / longest
        return self.floor + float(longest * (1 + shorter**self.sharpness) ** (1 / self.sharpness))


@dataclass(frozen=True, slots=True)
class Generation:
    """One architecture. Matrices and experts by compute format; attention by cache format."""

    matrices: dict[str, Kernel]
    experts: dict[str, Kernel]
    attention: Kernel
    """Decode attention: one floor per layer, KV read at this share of the bandwidth."""
    prefill_attention: float
    """Share of the dense 16-bit rate in long prompts; half of it is reached at 1,500 tokens."""
    small_kernel: float
    """Norms, rotary embedding, cache writes, activation: seconds per kernel."""


AMPERE = Generation(
    matrices={"bf16": Kernel(5e-6, 0.75, 0.90), "int4": Kernel(6e-6, 0.75, 0.60)},
    experts={"bf16": Kernel(50e-6, 0.90, 0.30), "int4": Kernel(40e-6, 0.80, 0.30)},
    attention=Kernel(15e-6, 0.75, 1.0),
    prefill_attention=0.58,
    small_kernel=2.5e-6,
)
ADA = Generation(
    matrices={
        "bf16": Kernel(2e-6, 0.80, 0.65, 2),
        "fp8": Kernel(3e-6, 0.75, 0.50),
        "int4": Kernel(4e-6, 0.80, 0.60),
    },
    experts={
        "bf16": Kernel(40e-6, 0.90, 0.35),
        "fp8": Kernel(16e-6, 0.80, 0.50),
        "fp8_block": Kernel(60e-6, 0.90, 0.40),
        "int4": Kernel(20e-6, 0.90, 0.60),
        "mxfp4": Kernel(16e-6, 0.80, 0.50),
    },
    attention=Kernel(10e-6, 0.80, 1.0),
    prefill_attention=0.52,
    small_kernel=2e-6,
)
HOPPER = Generation(
    matrices={
        "bf16": Kernel(3e-6, 0.85, 0.80, 6),
        "fp8": Kernel(6e-6, 0.80, 0.50),
        "int4": Kernel(6e-6, 0.75, 0.45),
    },
    experts={
        "bf16": Kernel(35e-6, 1.0, 0.40, 1.5, 32),
        "fp8": Kernel(45e-6, 1.0, 0.25),
        "fp8_block": Kernel(40e-6, 1.15, 0.25, 1.5, 128),
        "int4": Kernel(50e-6, 0.95, 0.15, 1.5, 64),
        "mxfp4": Kernel(50e-6, 0.85, 0.15, 1.5, 64),
    },
    attention=Kernel(12e-6, 0.88, 1.0),
    prefill_attention=0.63,
    small_kernel=2e-6,
)
BLACKWELL = Generation(
    matrices={
        "bf16": Kernel(3e-6, 0.80, 0.72, 3),
        "fp8": Kernel(6e-6, 0.75, 0.45),
        "nvfp4": Kernel(8e-6, 0.62, 0.40),
        "int4": Kernel(8e-6, 0.50, 0.25),
    },
    experts={
        "bf16": Kernel(16e-6, 0.95, 0.40),
        "fp8": Kernel(16e-6, 0.90, 0.40, 1.5, 64),
        "fp8_block": Kernel(40e-6, 1.25, 0.20, 1.5, 128),
        "nvfp4": Kernel(20e-6, 0.80, 0.33, 1.5, 64),
        "int4": Kernel(40e-6, 0.60, 0.10, 1.5, 64),
        "mxfp4": Kernel(25e-6, 1.20, 0.30, 1.5, 192),
    },
    attention=Kernel(9e-6, 0.89, 1.0),
    prefill_attention=0.60,
    small_kernel=2e-6,
)
CONSUMER_BLACKWELL = Generation(
    matrices={
        "bf16": Kernel(3e-6, 0.95, 0.80, 2),
        "fp8": Kernel(5e-6, 0.90, 0.75),
        "nvfp4": Kernel(8e-6, 0.75, 0.55),
        "int4": Kernel(5e-6, 0.90, 0.60),
    },
    experts={
        "bf16": Kernel(30e-6, 1.0, 0.35),
        "fp8": Kernel(40e-6, 1.0, 0.30),
        "nvfp4": Kernel(50e-6, 0.90, 0.55),
        "int4": Kernel(20e-6, 1.0, 0.50),
        "mxfp4": Kernel(30e-6, 1.0, 0.40),
    },
    attention=Kernel(13e-6, 0.93, 1.0),
    prefill_attention=0.58,
    small_kernel=2e-6,
)


@dataclass(frozen=True, slots=True)
class Link:
    """All-reduce of n GPUs: seconds = floor(n) + sent bytes / rate(n), as measured for n = 2, 4, 8."""

    floor: dict[int, float]
    rate: dict[int, float]
    """Message bytes per second (not bus bandwidth)."""

    def all_reduce(self, message_bytes: float, gpus: int) -> float:
        """Seconds of one all-reduce."""
        if gpus == 1:
            return 0.0
        size = min((n for n in self.floor if n >= gpus), default=max(self.floor))
        return self.floor[size] + message_bytes / self.rate[size]


NVSWITCH_3 = Link({2: 4.4e-6, 4: 5e-6, 8: 6e-6}, {2: 200e9, 4: 145e9, 8: 150e9})  # H100, H200: 2 MB to 16 MB
NVSWITCH_4 = Link({2: 7e-6, 4: 7.5e-6, 8: 9e-6}, {2: 330e9, 4: 280e9, 8: 300e9})  # B200, B300
NVSWITCH_2 = Link({2: 5e-6, 4: 5.5e-6, 8: 6e-6}, {2: 150e9, 4: 110e9, 8: 95e9})  # A100
PCIE_4 = Link({2: 6e-6, 4: 14e-6, 8: 26e-6}, {2: 18.5e9, 4: 2.5e9, 8: 1.05e9})  # 8x L40S over two sockets
PCIE_5_P2P = Link({2: 5e-6, 4: 14e-6, 8: 27e-6}, {2: 36e9, 4: 18e9, 8: 12.5e9})  # 8x RTX PRO 6000 Server


@dataclass(frozen=True, slots=True)
class Gpu:
    """Published rates: dense FLOPs per second by format, bytes per second; generation, memory and link."""

    generation: Generation
    bandwidth: float
    flops: dict[str, float]
    memory: float
    link: Link


def _gpu(
    generation: Generation, gigabytes: float, teraflops: tuple[float, float, float], gib: float, link: Link
) -> Gpu:
    """`teraflops`: dense in 16, 8 and 4 bits; 0 if the GPU has no such format."""
    bf16, fp8, fp4 = teraflops
    flops = {"bf16": bf16, "fp8": fp8 or bf16, "fp4": fp4 or fp8 or bf16}
    return Gpu(
        generation, gigabytes * 1e9, {name: rate * 1e12 for name, rate in flops.items()}, gib * 2**30, link
    )


GPUS = {
    "A100 40GB SXM": _gpu(AMPERE, 1555, (312, 0, 0), 39.5, NVSWITCH_2),
    "A100 80GB SXM": _gpu(AMPERE, 2039, (312, 0, 0), 79.3, NVSWITCH_2),
    "A100 80GB PCIe": _gpu(AMPERE, 1935, (312, 0, 0), 79.3, PCIE_4),
    "H100 SXM": _gpu(HOPPER, 3350, (989, 1979, 0), 79.2, NVSWITCH_3),
    "H200 SXM": _gpu(HOPPER, 4800, (989, 1979, 0), 139.8, NVSWITCH_3),
    "B200 SXM": _gpu(BLACKWELL, 7700, (2250, 4500, 9000), 178.3, NVSWITCH_4),
    "B300 SXM": _gpu(BLACKWELL, 7750, (2250, 4500, 14000), 267.7, NVSWITCH_4),
    "L40S": _gpu(ADA, 864, (362, 733, 0), 44.4, PCIE_4),
    "RTX 4090": _gpu(ADA, 1008, (165.2, 330.3, 0), 23.6, PCIE_4),
    "RTX 5090": _gpu(CONSUMER_BLACKWELL, 1792, (209.5, 419, 1676), 31.4, PCIE_5_P2P),
    "RTX PRO 6000 Blackwell Server": _gpu(CONSUMER_BLACKWELL, 1597, (467.8, 935.6, 1871), 95.0, PCIE_5_P2P),
    "RTX PRO 5000 Blackwell": _gpu(CONSUMER_BLACKWELL, 1344, (258, 516, 1032), 47.5, PCIE_5_P2P),
}
