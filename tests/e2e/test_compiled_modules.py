"""Exact mode works on any CPU: none of the code that a CPU build of vLLM compiled for newer ones comes into its worker.

The libraries in the worker's memory are read from /proc, so that it does not matter by which import one got there.
"""

from __future__ import annotations

import importlib.machinery
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec._core
import pytest
from conformance import MODELS, request_for

from vllm_costmeter.core.plan import Layout
from vllm_costmeter.plugin.exact import VllmWorker
from vllm_costmeter.plugin.exact.missing_modules import CUDA_MARK, is_cuda_build

pytestmark = pytest.mark.heavy

ASKED = (
    "meta-llama__Llama-3.1-8B-Instruct",
    "openai__gpt-oss-20b",  # experts
    "deepseek-ai__DeepSeek-V3.2",  # latent attention, a sparse indexer
    "Qwen__Qwen3.5-35B-A3B",  # gated delta net
    "RedHatAI__Meta-Llama-3.1-8B-Instruct-quantized.w8a8",  # INT8
)


def vllm_folder() -> Path:
    """Where the installed vLLM lies, which is not imported for it."""
    found = importlib.machinery.PathFinder.find_spec("vllm")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.resolve()


def mapped(pid: int, folder: Path) -> list[Path]:
    """The compiled files below a folder that are in a process's memory."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    files = {Path(fields[5]) for line in lines if len(fields := line.split(maxsplit=5)) == 6}
    return sorted(file for file in files if ".so" in file.suffixes and file.is_relative_to(folder))


@pytest.fixture(scope="module")
def worker() -> Iterator[VllmWorker]:
    """A worker that has answered about many kinds of models, in an environment that asks vLLM for its compiled wait."""
    with VllmWorker(environ={**os.environ, "VLLM_USE_SPINLOOP_EXT": "1"}) as process:
        for name in ASKED:
            assert process.ask(request_for(MODELS / name, Layout())).counts.weights_bytes[0] > 0
        yield process


@pytest.mark.skipif(
    is_cuda_build(), reason="a CUDA build is made for every x86-64 CPU, and loads where it can"
)
def test_no_compiled_module_of_a_cpu_build_is_in_the_worker(worker: VllmWorker) -> None:
    """vLLM has compiled modules here, and after many kinds of models none of them is in the worker's memory."""
    assert list(vllm_folder().rglob("*.so"))
    assert mapped(worker.pid, vllm_folder()) == []


@pytest.mark.parametrize(("is_cuda", "expected"), [(False, []), (True, ["_C_stable_libtorch.abi3.so"])])
def test_what_loads_of_a_cuda_build_stays(tmp_path: Path, is_cuda: bool, expected: list[str]) -> None:
    """Of a CUDA build, what loads without a driver does and what does not is stood in for; of a CPU build nothing is
    tried, though it would load."""
    package = tmp_path / "vllm"
    (package / "vllm_flash_attn").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_C_stable_libtorch.abi3.so").write_bytes(Path(msgspec._core.__file__).read_bytes())
    (package / "_moe_C_stable_libtorch.abi3.so").write_bytes(b"needs the driver's library")
    if is_cuda:
        tmp_path.joinpath(*CUDA_MARK.split(".")).with_suffix(".abi3.so").write_bytes(b"so too")
    program = (
        "from vllm_costmeter.plugin.exact.missing_modules import stand_in; stand_in()\n"
        "import vllm._moe_C_stable_libtorch\n"
        "print(open('/proc/self/maps').read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        check=True,
        capture_output=True,
        text=True,
    )
    assert [file.name for file in package.glob("*.so") if str(file) in done.stdout] == expected
