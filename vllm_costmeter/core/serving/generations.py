"""The fitted kernels of each GPU architecture.

A kernel's constants are fitted to kernels that NVIDIA timed one by one inside vLLM (aiconfigurator 0.12.0, Apache-2.0,
vLLM 0.24.0, A100: 0.14.0; read 2026-11), never to a serving run. INT4 linear layers were not timed there: their
constants are assumed from the experts' and from Marlin's published shares. Experts were timed under `power_law_1.01`
and are chosen as in popularity.py; Hopper's FP8 per tensor, timed there with an untuned kernel, has the block format's
share.

Two constants are of the CPU and come from serving: outside CUDA graphs a layer with experts takes 1.0 ms to launch
(Kimi-K2.5 in InferenceX, vLLM 0.15 to 0.19: 0.8 to 2.2 ms, by the machine; 61 layers), a dense one at most 0.3 ms
(Llama 3.3 70B on H100, whose prompts never wait for it).
"""

from __future__ import annotations

from vllm_costmeter.core.serving.float32 import Float32Units
from vllm_costmeter.core.serving.kernels import Kernel, Kernels

AMPERE = Kernels(
    matrices={"bf16": Kernel(5e-6, 0.75, 0.90), "int4": Kernel(6e-6, 0.75, 0.60)},
    experts={"bf16": Kernel(50e-6, 0.85, 0.30), "int4": Kernel(40e-6, 0.80, 0.30)},
    attention=Kernel(15e-6, 0.75, 1.0),
    prompt_attention_share=0.58,
    small_seconds=2.5e-6,
    float32=Float32Units(64, 108, 1.41e9),
)
"""A100."""
ADA = Kernels(
    matrices={
        "bf16": Kernel(2e-6, 0.80, 0.65, 2),
        "fp8": Kernel(3e-6, 0.75, 0.50),
        "int4": Kernel(4e-6, 0.80, 0.60),
    },
    experts={
        "bf16": Kernel(40e-6, 0.85, 0.35),
        "fp8": Kernel(16e-6, 0.80, 0.50),
        "fp8_block": Kernel(60e-6, 0.85, 0.40),
        "int4": Kernel(20e-6, 0.85, 0.60),
        "mxfp4": Kernel(16e-6, 0.80, 0.50),
    },
    attention=Kernel(10e-6, 0.80, 1.0),
    prompt_attention_share=0.52,
    small_seconds=2e-6,
    float32=Float32Units(128, 142, 2.52e9),
)
"""L40S."""
HOPPER = Kernels(
    matrices={
        "bf16": Kernel(3e-6, 0.85, 0.80, 6),
        "fp8": Kernel(6e-6, 0.80, 0.50),
        "int4": Kernel(6e-6, 0.75, 0.45),
    },
    experts={
        "bf16": Kernel(35e-6, 1.0, 0.40, 1.5, 32),
        "fp8": Kernel(45e-6, 1.0, 0.25),
        "fp8_block": Kernel(40e-6, 1.0, 0.25, 1.5, 128),
        "int4": Kernel(50e-6, 0.85, 0.15, 1.5, 64),
        "mxfp4": Kernel(50e-6, 0.78, 0.15, 1.5, 64),
    },
    attention=Kernel(12e-6, 0.88, 1.0),
    prompt_attention_share=0.63,
    small_seconds=2e-6,
    float32=Float32Units(128, 132, 1.98e9),
)
"""H100 and H200."""
BLACKWELL = Kernels(
    matrices={
        "bf16": Kernel(3e-6, 0.80, 0.72, 3),
        "fp8": Kernel(6e-6, 0.75, 0.45),
        "nvfp4": Kernel(8e-6, 0.62, 0.40),
        "int4": Kernel(8e-6, 0.50, 0.25),
    },
    experts={
        "bf16": Kernel(16e-6, 0.95, 0.40),
        "fp8": Kernel(16e-6, 1.0, 0.40, 1.5, 64),
        "fp8_block": Kernel(40e-6, 1.15, 0.20, 1.5, 128),
        "nvfp4": Kernel(16e-6, 0.95, 0.20, 1.5, 64),
        "int4": Kernel(40e-6, 0.55, 0.10, 1.5, 64),
        "mxfp4": Kernel(25e-6, 1.05, 0.30, 1.5, 192),
    },
    attention=Kernel(9e-6, 0.89, 1.0),
    prompt_attention_share=0.60,
    small_seconds=2e-6,
    float32=Float32Units(128, 148, 1.85e9),
)
"""B200 and B300."""
CONSUMER_BLACKWELL = Kernels(
    matrices={
        "bf16": Kernel(3e-6, 0.95, 0.80, 2),
        "fp8": Kernel(5e-6, 0.90, 0.75),
        "nvfp4": Kernel(8e-6, 0.75, 0.55),
        "int4": Kernel(5e-6, 0.90, 0.60),
    },
    experts={
        "bf16": Kernel(30e-6, 0.90, 0.35),
        "fp8": Kernel(40e-6, 0.90, 0.30),
        "nvfp4": Kernel(50e-6, 0.80, 0.55),
        "int4": Kernel(20e-6, 0.85, 0.50),
        "mxfp4": Kernel(30e-6, 0.85, 0.40),
    },
    attention=Kernel(13e-6, 0.93, 1.0),
    prompt_attention_share=0.58,
    small_seconds=2e-6,
    float32=Float32Units(128, 188, 2.43e9),
)
"""RTX PRO 6000 Blackwell Server Edition."""

TIMED = {
    (8, 0): AMPERE,
    (8, 9): ADA,
    (9, 0): HOPPER,
    (10, 0): BLACKWELL,
    (10, 3): BLACKWELL,
    (12, 0): CONSUMER_BLACKWELL,
}
"""By compute capability: an architecture of which one GPU was timed."""
UNTIMED = {7: AMPERE, 8: ADA, 9: HOPPER, 10: BLACKWELL, 11: BLACKWELL, 12: CONSUMER_BLACKWELL}
"""By major compute capability: the nearest architecture, for GPUs of which none was timed."""


def kernels_of(compute_capability: tuple[int, int] | None) -> tuple[Kernels, bool]:
    """(the kernels, whether a GPU of this architecture was timed). AMD's and unknown GPUs get Ampere's shares."""
    if compute_capability in TIMED:
        return TIMED[compute_capability], True
    major = compute_capability[0] if compute_capability else 0
    return UNTIMED.get(major, AMPERE), False
