"""NVIDIA's driver library through `pynvml`: the only file that imports it. Calls may block; see `gpu_reader.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vllm_costmeter.core.gpu import GpuProcess
from vllm_costmeter.core.gpu_device import GpuDevice, GpuSlice, UsedGpu
from vllm_costmeter.sources.gpu_driver import DriverError, GpuSample
from vllm_costmeter.sources.nvml_sample import RawMemory, RawNvml, RawSlice, parse, program

Answer = TypeVar("Answer")


class NvmlDriver:
    """One connection to NVML. Importing pynvml needs no driver; `open` does."""

    def __init__(self) -> None:
        import pynvml  # 20 ms, and not needed by a check that names its GPU

        self._nvml = pynvml
        self._open = False
        self._fatal = {
            pynvml.NVML_ERROR_UNINITIALIZED,
            pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
            pynvml.NVML_ERROR_GPU_IS_LOST,
            pynvml.NVML_ERROR_RESET_REQUIRED,
            pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }

    def open(self) -> None:
        """Connects. DriverError where there is no library or no driver."""
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as fault:
            raise DriverError(f"NVML: {fault}") from None
        self._open = True

    def devices(self) -> tuple[GpuDevice, ...]:
        """The machine's cards in NVML's order (PCI bus), each with its MIG slices.

        A card that is lost is left out, as CUDA leaves it out; DriverError where none of them answers.
        """
        found: list[GpuDevice] = []
        faults: list[str] = []
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as fault:
            raise DriverError(f"NVML: {fault}") from None
        for index in range(count):
            try:
                found.append(self._device(index))
            except self._nvml.NVMLError as fault:
                faults.append(f"GPU {index}: {fault}")
        if faults and not found:
            raise DriverError(f"NVML, {'; '.join(faults)}")
        return tuple(found)

    def close(self) -> None:
        """Disconnects; an error on the way out changes nothing for anybody."""
        if self._open:
            self._open = False
            self._ask(self._nvml.nvmlShutdown, fatal=False)

    def sample(self, gpu: UsedGpu) -> GpuSample:
        """Reads one card or slice. Of a slice, power, utilisation and energy are not asked: they are the card's."""
        try:
            raw = self._raw(gpu)
        except self._nvml.NVMLError as fault:
            raise DriverError(f"NVML, GPU {gpu.label}: {fault}") from None
        if raw.silent:
            raise DriverError(f"NVML, GPU {gpu.label}: every question was answered with an error")
        return parse(raw)

    def processes(self, gpu: UsedGpu) -> tuple[GpuProcess, ...]:
        """Who holds memory on one card or slice. One that computes and draws is listed twice and told once.

        Empty where NVML does not list them: it shows a container only its own.
        """
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByUUID(gpu.uuid)
        except nvml.NVMLError as fault:
            raise DriverError(f"NVML, GPU {gpu.label}: {fault}") from None
        held = dict((*(self._processes(handle, drawing=True) or ()), *(self._processes(handle) or ())))
        return tuple(
            GpuProcess(pid, program(self._name(pid)), memory_bytes, gpu.label)
            for pid, memory_bytes in held.items()
        )

    def _name(self, pid: int) -> str | None:
        try:
            return self._ask(self._nvml.nvmlSystemGetProcessName, pid)
        except UnicodeDecodeError:  # pynvml decodes what a process calls itself
            return None

    def _raw(self, gpu: UsedGpu) -> RawNvml:
        nvml, ask = self._nvml, self._ask
        card = nvml.nvmlDeviceGetHandleByUUID(gpu.device.uuid)
        if gpu.slice is not None:
            handle = nvml.nvmlDeviceGetHandleByUUID(gpu.slice.uuid)
            return RawNvml(
                memory=self._memory(handle),
                processes=self._processes(handle),
                slice=self._slice(handle, card),
            )
        utilization = ask(nvml.nvmlDeviceGetUtilizationRates, card)
        return RawNvml(
            memory=self._memory(card),
            processes=self._processes(card),
            power_milliwatts=ask(nvml.nvmlDeviceGetPowerUsage, card),
            utilization_percent=None if utilization is None else utilization.gpu,
            energy_millijoules=ask(nvml.nvmlDeviceGetTotalEnergyConsumption, card),
        )

    def _ask(self, question: Callable[..., Answer], *arguments: Any, fatal: bool = True) -> Answer | None:
        """The answer; None where the driver has none. An error that means the driver or card is gone is raised."""
        try:
            return question(*arguments)
        except self._nvml.NVMLError as fault:
            if fatal and fault.value in self._fatal:
                raise
            return None

    def _memory(self, handle: Any) -> RawMemory | None:
        newer = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, handle, self._nvml.nvmlMemory_v2)
        if newer is not None:
            return RawMemory(total=newer.total, reserved=newer.reserved, free=newer.free)
        older = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, handle)
        return None if older is None else RawMemory(total=older.total, reserved=None, free=older.free)

    def _processes(self, handle: Any, drawing: bool = False) -> tuple[tuple[int, int | None], ...] | None:
        """(pid, bytes) of those that compute, or of those that draw."""
        nvml = self._nvml
        found = self._ask(
            nvml.nvmlDeviceGetGraphicsRunningProcesses_v3
            if drawing
            else nvml.nvmlDeviceGetComputeRunningProcesses_v3,
            handle,
        )
        return None if found is None else tuple((each.pid, each.usedGpuMemory) for each in found)

    def _slice(self, handle: Any, card: Any) -> RawSlice | None:
        attributes = self._ask(self._nvml.nvmlDeviceGetAttributes_v2, handle)
        if attributes is None:
            return None
        return RawSlice(
            memory_mib=attributes.memorySizeMB,
            compute_slices=attributes.computeInstanceSliceCount,
            multiprocessors=attributes.multiprocessorCount,
            card_memory=self._memory(card),
        )

    def _device(self, index: int) -> GpuDevice:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        mode = self._ask(nvml.nvmlDeviceGetMigMode, handle)
        mig_enabled = mode is not None and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE
        return GpuDevice(
            index=index,
            uuid=nvml.nvmlDeviceGetUUID(handle),
            name=nvml.nvmlDeviceGetName(handle),
            compute_capability=self._ask(nvml.nvmlDeviceGetCudaComputeCapability, handle),
            mig_enabled=mig_enabled,
            slices=tuple(self._slices(handle)) if mig_enabled else (),
        )

    def _slices(self, card: Any) -> list[GpuSlice]:
        nvml, ask = self._nvml, self._ask
        found = []
        for index in range(ask(nvml.nvmlDeviceGetMaxMigDeviceCount, card) or 0):
            handle = ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, card, index)
            if handle is None:  # NVML numbers free places too
                continue
            found.append(
                GpuSlice(
                    index=index,
                    uuid=nvml.nvmlDeviceGetUUID(handle),
                    gpu_instance_id=ask(nvml.nvmlDeviceGetGpuInstanceId, handle),
                    compute_instance_id=ask(nvml.nvmlDeviceGetComputeInstanceId, handle),
                )
            )
        return found
