"""AMD's driver library through `amdsmi`: the only file that imports it. Calls may block; see `gpu_reader.py`."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.gpu.device import GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample
from vllm_costmeter.sources.gpu.amd_smi_sample import RawAmdSmi, parse
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.nvml_sample import program

NOT_AVAILABLE = "N/A"  # how the package writes a missing number
REASONS: dict[int, DownReason] = {
    10: "no_permission",  # AMDSMI_STATUS_NO_PERM
    34: "no_driver",  # AMDSMI_STATUS_DRIVER_NOT_LOADED
}


class AmdSmiDriver:
    """One connection to AMD SMI. Importing amdsmi loads the library, so that happens in `open`."""

    def __init__(self) -> None:
        self._amdsmi: Any = None
        self._handles: dict[str, Any] = {}

    def open(self) -> None:
        """Connect. Raises DriverError if the package, the library or the driver is missing, or their versions
        differ."""
        self._amdsmi = _package()
        try:
            self._amdsmi.amdsmi_init()
        except self._amdsmi.AmdSmiException as fault:
            self._amdsmi = None
            raise _driver_error(fault) from None

    def devices(self) -> tuple[GpuDevice, ...]:
        """The machine's GPUs in AMD SMI's order, which is HIP's unless a variable reorders them."""
        amdsmi = self._amdsmi
        try:
            handles = amdsmi.amdsmi_get_processor_handles()
            found = tuple(self._device(index, handle) for index, handle in enumerate(handles))
        except amdsmi.AmdSmiException as fault:
            raise _driver_error(fault) from None
        self._handles = {device.uuid: handle for device, handle in zip(found, handles, strict=True)}
        return found

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """Read one GPU."""
        handle = self._handle(gpu)
        amdsmi, ask = self._amdsmi, self._ask
        vram = ask(amdsmi.amdsmi_get_gpu_vram_usage, handle) or {}
        energy = ask(amdsmi.amdsmi_get_energy_count, handle) or {}
        raw = RawAmdSmi(
            vram_total_mb=_number(vram.get("vram_total")),
            vram_used_mb=_number(vram.get("vram_used")),
            processes=self._processes(handle),
            socket_power_watts=_power(ask(amdsmi.amdsmi_get_power_info, handle) or {}),
            gfx_activity_percent=_number(
                (ask(amdsmi.amdsmi_get_gpu_activity, handle) or {}).get("gfx_activity")
            ),
            energy_ticks=_number(energy.get("energy_accumulator")),
            microjoules_per_tick=energy.get("counter_resolution"),
        )
        if raw.silent:
            raise DriverError(f"AMD SMI, GPU {gpu.label}: every query returned an error")
        return parse(raw)

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """The processes that use one GPU's memory; empty if the driver does not list them."""
        found = self._ask(self._amdsmi.amdsmi_get_gpu_process_list, self._handle(gpu)) or ()
        return tuple(
            GpuProcess(each["pid"], program(each["name"]), each["memory_usage"]["vram_mem"], gpu.label)
            for each in found
        )

    def close(self) -> None:
        """Disconnect; does nothing when not connected."""
        if self._amdsmi is not None:
            self._ask(self._amdsmi.amdsmi_shut_down)
            self._amdsmi = None

    def _device(self, index: int, handle: Any) -> GpuDevice:
        amdsmi = self._amdsmi
        name = (self._ask(amdsmi.amdsmi_get_gpu_asic_info, handle) or {}).get("market_name", NOT_AVAILABLE)
        return GpuDevice(index=index, uuid=amdsmi.amdsmi_get_gpu_device_uuid(handle), name=name)

    def _handle(self, gpu: VisibleGpu) -> Any:
        try:
            return self._handles[gpu.uuid]
        except KeyError:
            raise DriverError(f"AMD SMI, GPU {gpu.label}: not listed by the driver", "gpu_missing") from None

    def _processes(self, handle: Any) -> tuple[tuple[int, int | None], ...] | None:
        found = self._ask(self._amdsmi.amdsmi_get_gpu_process_list, handle)
        return (
            None
            if found is None
            else tuple((each["pid"], each["memory_usage"]["vram_mem"]) for each in found)
        )

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """The answer; None if the driver has none."""
        try:
            return question(*arguments)
        except self._amdsmi.AmdSmiException:
            return None


def _package() -> Any:
    """amdsmi with its library. What it prints if the library is missing is suppressed."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module("amdsmi")
    except ImportError:
        raise DriverError("AMD SMI: the package amdsmi is not installed", "no_driver") from None
    except (KeyError, OSError):  # how the package fails without libamd_smi.so
        raise DriverError(
            "AMD SMI: libamd_smi.so is not on this machine (set ROCM_PATH)", "no_driver"
        ) from None
    except AttributeError as fault:  # the library lacks a function that this version of the package binds
        raise DriverError(
            f"AMD SMI: the package does not suit libamd_smi.so ({fault})", "driver_mismatch"
        ) from None


def _power(answer: dict[str, Any]) -> int | None:
    """Watts of the socket. Before 7.0 the package had no `socket_power`, but current power on MI300 and average power
    on older GPUs."""
    for name in ("socket_power", "current_socket_power", "average_socket_power"):
        watts = _number(answer.get(name))
        if watts is not None:
            return watts
    return None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _driver_error(fault: Exception) -> DriverError:
    """The error in one line, with the reason from the library's error code."""
    code = getattr(fault, "err_code", None)
    return DriverError(f"AMD SMI: {' '.join(str(fault).split())}", REASONS.get(code or 0, "driver_error"))
