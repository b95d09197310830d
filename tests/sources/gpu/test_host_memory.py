"""The memory that an integrated GPU shares with the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.reading import GpuSample
from vllm_costmeter.sources.gpu import local
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.host_memory import HostMemory, host_memory


def test_total_and_available_are_read(tmp_path: Path) -> None:
    """In KiB there, in bytes here."""
    file = tmp_path / "meminfo"
    file.write_text(
        "MemTotal:       127600640 kB\nMemFree: 5 kB\nMemAvailable:   120000000 kB\nBuffers: x kB\n"
    )
    assert host_memory(file) == HostMemory(127600640 << 10, 120000000 << 10)


@pytest.mark.parametrize("text", [None, "", "MemTotal: 5 kB\n", "MemTotal:\nMemAvailable: many kB\n"])
def test_what_is_not_there_is_none(text: str | None, tmp_path: Path) -> None:
    """Not Linux, an old kernel, or nonsense."""
    file = tmp_path / "meminfo"
    if text is not None:
        file.write_text(text)
    assert host_memory(file) is None


def seen(name: str, capability: tuple[int, int]) -> VisibleGpu:
    """A GPU whose memory NVML does not report."""
    return VisibleGpu(GpuDevice(0, "GPU-0", name, capability))


def test_a_gb10_has_the_hosts_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """nvidia-smi shows [N/A] there; vLLM takes the host's available memory as free."""
    monkeypatch.setattr(local, "host_memory", lambda: HostMemory(121 << 30, 114 << 30))
    (gpu,) = local.equal_gpus([(seen("NVIDIA GB10", (12, 1)), GpuSample(), ())])
    assert (gpu.memory_bytes, gpu.free_bytes, gpu.unified, gpu.source) == (
        121 << 30,
        114 << 30,
        "gb10",
        "nvml",
    )


def test_another_gpu_without_memory_stays_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is its own, so nothing can stand in for the answer."""
    monkeypatch.setattr(local, "host_memory", lambda: HostMemory(121 << 30, 114 << 30))
    with pytest.raises(DriverError, match="does not report the memory of RTX 6000"):
        local.equal_gpus([(seen("RTX 6000", (12, 0)), GpuSample(), ())])
