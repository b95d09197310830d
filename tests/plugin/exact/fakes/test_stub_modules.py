"""What of an installed vLLM is compiled: a CUDA build's loads where it can, no other build's is even tried."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec._core
import pytest

from vllm_costmeter.plugin.exact.fakes.stub_modules import CUDA_MARK

PROGRAM = """
from vllm_costmeter.plugin.exact.fakes.stub_modules import stand_in
stand_in()
import vllm._moe_C_stable_libtorch
print(open('/proc/self/maps').read())
"""


@pytest.mark.heavy
@pytest.mark.parametrize(("is_cuda", "expected"), [(False, []), (True, ["_C_stable_libtorch.abi3.so"])])
def test_only_a_cuda_builds_compiled_modules_load(tmp_path: Path, is_cuda: bool, expected: list[str]) -> None:
    """Of a CUDA build, what loads without a driver does and what does not is stood in for; of a CPU build nothing is
    loaded, though it could be."""
    package = tmp_path / "vllm"
    (package / "vllm_flash_attn").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "_C_stable_libtorch.abi3.so").write_bytes(Path(msgspec._core.__file__).read_bytes())
    (package / "_moe_C_stable_libtorch.abi3.so").write_bytes(b"needs the driver's library")
    if is_cuda:
        tmp_path.joinpath(*CUDA_MARK.split(".")).with_suffix(".abi3.so").write_bytes(b"so does this")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        check=True,
        capture_output=True,
        text=True,
    )
    assert [file.name for file in package.glob("*.so") if str(file) in done.stdout] == expected
