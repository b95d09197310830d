"""NVIDIA's driver library through `pynvml`: the only file that imports it. Calls may block; see `reader.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from vllm_costmeter.core.gpu.bounds import MOST_GPUS, MOST_SLICES, believable_capability, believable_name
from vllm_costmeter.core.gpu.device import UNKNOWN_NAME, GpuDevice, GpuSlice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.nvml_sample import RawMemory, RawNvml, RawSlice, parse, program

Answer = TypeVar("Answer")


class NvmlDriver:
    """One connection to NVML. Importing pynvml needs no driver; `open` does."""

    name = "nvml"

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
        self._reasons: dict[int, DownReason] = {
            pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "no_driver",
            pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "no_driver",
            pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "driver_mismatch",
            pynvml.NVML_ERROR_NO_PERMISSION: "no_permission",
            pynvml.NVML_ERROR_GPU_IS_LOST: "gpu_lost",
            pynvml.NVML_ERROR_RESET_REQUIRED: "gpu_lost",
            pynvml.NVML_ERROR_NOT_FOUND: "gpu_lost",
            pynvml.NVML_ERROR_GPU_NOT_FOUND: "gpu_lost",
        }

    def open(self) -> None:
        """Connect. Raises DriverError if the library or the driver is missing."""
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError as fault:
            raise self._error("NVML", fault) from None
        self._open = True

    def devices(self) -> tuple[GpuDevice, ...]:
        """The machine's GPUs in NVML's order (PCI bus), each with its MIG slices.

        A lost GPU is omitted, as in CUDA. Raises DriverError if none of them answers.
        """
        found: list[GpuDevice] = []
        faults: list[DriverError] = []
        try:
            count = self._nvml.nvmlDeviceGetCount()
        except self._nvml.NVMLError as fault:
            raise self._error("NVML", fault) from None
        if count > MOST_GPUS:
            raise DriverError(f"NVML reports {count} GPUs, more than {MOST_GPUS}")
        for index in range(count):
            try:
                found.append(self._device(index))
            except self._nvml.NVMLError as fault:
                faults.append(self._error(f"NVML, GPU {index}", fault))
            except UnicodeDecodeError:
                faults.append(DriverError(f"NVML, GPU {index}: its UUID is not text"))
        if faults and not found:
            raise DriverError("; ".join(map(str, faults)), faults[0].reason)
        return tuple(found)

    def close(self) -> None:
        """Disconnect; errors are ignored."""
        if self._open:
            self._open = False
            self._ask(self._nvml.nvmlShutdown, fatal=False)

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """Read one GPU or slice. Power, utilization and energy are not read for a slice: they are the GPU's."""
        try:
            raw = self._raw(gpu)
        except self._nvml.NVMLError as fault:
            raise self._error(f"NVML, GPU {gpu.label}", fault) from None
        if raw.silent:
            raise DriverError(f"NVML, GPU {gpu.label}: every query returned an error")
        return parse(raw)

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """The processes that use the memory of one GPU or slice. A process with compute and graphics contexts is listed
        twice by NVML and returned once.

        Empty if NVML does not list them: in a container it lists only the container's own.
        """
        try:
            handle = self._handle(gpu, gpu.uuid)
        except self._nvml.NVMLError as fault:
            raise self._error(f"NVML, GPU {gpu.label}", fault) from None
        held = dict((*(self._processes(handle, drawing=True) or ()), *(self._processes(handle) or ())))
        return tuple(
            GpuProcess(pid, program(self._name(pid)), memory_bytes, gpu.label)
            for pid, memory_bytes in held.items()
        )

    def _name(self, pid: int) -> str | None:
        return self._text(self._nvml.nvmlSystemGetProcessName, pid)

    def _text(self, question: Callable[..., str], *arguments: Any) -> str | None:
        try:
            return self._ask(question, *arguments)
        except UnicodeDecodeError:  # pynvml decodes whatever the driver wrote
            return None

    def _error(self, where: str, fault: Any) -> DriverError:
        return DriverError(f"{where}: {fault}", self._reasons.get(fault.value, "driver_error"))

    def _handle(self, gpu: VisibleGpu, uuid: str) -> Any:
        """The handle of one GPU or slice. Raises DriverError if the returned device has a different UUID."""
        handle = self._nvml.nvmlDeviceGetHandleByUUID(uuid)
        answers = self._text(self._nvml.nvmlDeviceGetUUID, handle)
        if answers != uuid:
            told = believable_name(answers) or "a GPU without a UUID"
            raise DriverError(f"NVML, GPU {gpu.label}: {told} answers for {uuid}", "wrong_gpu")
        return handle

    def _raw(self, gpu: VisibleGpu) -> RawNvml:
        nvml, ask = self._nvml, self._ask
        device = self._handle(gpu, gpu.device.uuid)
        if gpu.slice is not None:
            handle = self._handle(gpu, gpu.slice.uuid)
            return RawNvml(
                memory=self._memory(handle),
                processes=self._processes(handle),
                slice=self._slice(handle, device),
            )
        utilization = ask(nvml.nvmlDeviceGetUtilizationRates, device)
        return RawNvml(
            memory=self._memory(device),
            processes=self._processes(device),
            power_milliwatts=ask(nvml.nvmlDeviceGetPowerUsage, device),
            power_limit_milliwatts=self._power_limit(device),
            utilization_percent=None if utilization is None else utilization.gpu,
            energy_millijoules=ask(nvml.nvmlDeviceGetTotalEnergyConsumption, device),
        )

    def _power_limit(self, device: Any) -> int | None:
        """The highest limit that can be set; if that is not reported (laptops), the current one."""
        lowest_and_highest = self._ask(self._nvml.nvmlDeviceGetPowerManagementLimitConstraints, device)
        if lowest_and_highest is not None:
            return int(lowest_and_highest[1])
        return self._ask(self._nvml.nvmlDeviceGetEnforcedPowerLimit, device)

    def _ask(self, question: Callable[..., Answer], *arguments: Any, fatal: bool = True) -> Answer | None:
        """The answer; None if the driver has none. An error that means the driver or GPU is gone is raised."""
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
        """(pid, bytes) of compute processes, or of graphics processes."""
        nvml = self._nvml
        found = self._ask(
            nvml.nvmlDeviceGetGraphicsRunningProcesses_v3
            if drawing
            else nvml.nvmlDeviceGetComputeRunningProcesses_v3,
            handle,
        )
        return None if found is None else tuple((each.pid, each.usedGpuMemory) for each in found)

    def _slice(self, handle: Any, device: Any) -> RawSlice | None:
        attributes = self._ask(self._nvml.nvmlDeviceGetAttributes_v2, handle)
        if attributes is None:
            return None
        return RawSlice(
            memory_mib=attributes.memorySizeMB,
            compute_slices=attributes.computeInstanceSliceCount,
            gpu_memory=self._memory(device),
        )

    def _device(self, index: int) -> GpuDevice:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        mode = self._ask(nvml.nvmlDeviceGetMigMode, handle)
        mig_enabled = mode is not None and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE
        return GpuDevice(
            index=index,
            uuid=nvml.nvmlDeviceGetUUID(handle),
            name=believable_name(self._text(nvml.nvmlDeviceGetName, handle)) or UNKNOWN_NAME,
            compute_capability=believable_capability(
                self._ask(nvml.nvmlDeviceGetCudaComputeCapability, handle)
            ),
            mig_enabled=mig_enabled,
            slices=tuple(self._slices(handle)) if mig_enabled else (),
        )

    def _slices(self, device: Any) -> list[GpuSlice]:
        nvml, ask = self._nvml, self._ask
        found = []
        for index in range(min(ask(nvml.nvmlDeviceGetMaxMigDeviceCount, device) or 0, MOST_SLICES)):
            handle = ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, device, index)
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
