"""A fake CUDA GPU: torch and vLLM see its properties, but nothing ever runs on it.

So the installed vLLM gives results for any GPU, even an H100 on a laptop, and no CUDA context is ever created: every
query that would initialize the driver returns the fake GPU's properties instead.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from vllm_costmeter.core.dataclass import dataclass

SHARED_MEMORY_BYTES = 232448  # one block's largest share on sm_90 and sm_100, CUDA programming guide 13.0

CUDA_VERSION = (
    "13.0"  # of vLLM's CUDA build: what it assumes where torch names none (utils/import_utils.py, 0.32)
)


@dataclass(slots=True)
class PretendedGpu:
    """The properties of a GPU that vLLM queries. `count` follows the requested deployment."""

    name: str
    memory_bytes: int
    compute_capability: tuple[int, int]
    multiprocessors: int = 132
    """Affects the choice of kernels, not sizes: an H100 SXM's (NVIDIA H100 data sheet, 2022)."""
    count: int = 1


class _Stream:
    """A stream or event of the fake GPU: a context that does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def tell_torch(gpu: PretendedGpu) -> None:
    """Replace torch's CUDA queries. Call before vllm is imported."""
    import torch

    major, minor = gpu.compute_capability
    properties = SimpleNamespace(
        name=gpu.name,
        major=major,
        minor=minor,
        total_memory=gpu.memory_bytes,
        multi_processor_count=gpu.multiprocessors,
        warp_size=32,
        is_integrated=False,
        max_threads_per_multi_processor=2048,  # sm_80 to sm_100, CUDA programming guide 13.0, table of limits
        regs_per_multiprocessor=65536,  # same
        shared_memory_per_block=49152,  # same
        shared_memory_per_block_optin=SHARED_MEMORY_BYTES,
        shared_memory_per_multiprocessor=233472,  # same, 228 KiB
        L2_cache_size=50 * 2**20,
        gcnArchName="",
        uuid="",
    )
    answers = {
        "is_available": lambda: True,
        "is_initialized": lambda: False,
        "device_count": lambda: gpu.count,
        "current_device": lambda: 0,
        "set_device": lambda _: None,
        "get_device_name": lambda _=None: gpu.name,
        "get_device_capability": lambda _=None: gpu.compute_capability,
        "get_device_properties": lambda _=None: properties,
        "mem_get_info": lambda _=None: (gpu.memory_bytes, gpu.memory_bytes),
        "current_stream": lambda _=None: _Stream(),
        "synchronize": lambda _=None: None,
        "empty_cache": lambda: None,
        "_lazy_init": lambda: None,
        "Stream": _Stream,
        "Event": _Stream,
    }
    for name, answer in answers.items():
        setattr(torch.cuda, name, answer)
    accelerator = {
        "is_available": lambda: True,
        "device_count": lambda: gpu.count,
        "current_accelerator": lambda *_, **__: torch.device("cuda"),
        "current_device_index": lambda: 0,
        "current_device_idx": lambda: 0,
        "set_device_index": lambda _: None,
        "synchronize": lambda _=None: None,
        "empty_cache": lambda: None,
        "current_stream": lambda _=None: _Stream(),
    }
    for name, answer in accelerator.items():
        setattr(torch.accelerator, name, answer)
    torch.version.cuda = (
        torch.version.cuda or CUDA_VERSION
    )  # a CPU build has none, and torchao then sees no GPU


def tell_triton(gpu: PretendedGpu) -> None:
    """Give Triton a driver for the fake GPU: kernels are declared for it, none is compiled. Does nothing without
    Triton."""
    try:
        from triton.backends.compiler import GPUTarget  # type: ignore[import-untyped, unused-ignore]
        from triton.runtime import driver  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return
    major, minor = gpu.compute_capability
    properties = {
        "multiprocessor_count": gpu.multiprocessors,
        "max_shared_mem": SHARED_MEMORY_BYTES,
        "warpSize": 32,
    }
    driver.set_active(
        SimpleNamespace(
            get_current_target=lambda: GPUTarget("cuda", 10 * major + minor, 32),
            get_current_device=lambda: 0,
            get_current_stream=lambda _=None: 0,
            get_device_capability=lambda _=None: gpu.compute_capability,
            utils=SimpleNamespace(get_device_properties=lambda _: properties),
        )
    )


def tell_vllm(gpu: PretendedGpu) -> None:
    """Make the fake GPU vLLM's current platform."""
    import vllm.platforms
    from vllm.platforms.interface import DeviceCapability

    _take_for_cuda_build(vllm.platforms)
    _ask_no_driver()
    from vllm.platforms.cuda import CudaPlatformBase

    class PretendedPlatform(CudaPlatformBase):  # type: ignore[misc, unused-ignore]  # vllm is untyped here
        @classmethod
        def get_device_capability(cls, device_id: int = 0) -> Any:
            return DeviceCapability(*gpu.compute_capability)

        @classmethod
        def get_device_name(cls, device_id: int = 0) -> str:
            return gpu.name

        @classmethod
        def get_device_total_memory(cls, device_id: int = 0) -> int:
            return gpu.memory_bytes

        @classmethod
        def num_compute_units(cls, device_id: int = 0) -> int:
            return gpu.multiprocessors

        @classmethod
        def device_count(cls) -> int:
            return gpu.count

        @classmethod
        def is_fully_connected(cls, physical_device_ids: list[int]) -> bool:
            return True

    vllm.platforms._current_platform = PretendedPlatform()


def _ask_no_driver() -> None:
    """Act as on a machine without NVML. `vllm.platforms.cuda` connects to it when imported (0.17 to 0.33), and would
    never return if the driver hangs; the fake GPU answers vLLM's later queries."""
    import vllm.third_party.pynvml as nvml

    def not_here(*_: Any) -> None:
        raise nvml.NVMLError(nvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    nvml.nvmlInit = nvml.nvmlInitWithFlags = not_here


def _take_for_cuda_build(platforms: Any) -> None:
    """vLLM recognizes a CPU build by its version and then disables Triton, whose kernels its CUDA models define."""
    matches = platforms.vllm_version_matches_substr
    platforms.vllm_version_matches_substr = lambda text: text != "cpu" and matches(text)
