"""AMD's driver library through `amdsmi`: the only file that imports it. Calls may block; see `reader.py`.

vLLM uses the same package in the same process and disconnects it after each question (vllm/platforms/rocm.py, 0.17 to
0.33), which disconnects us too where the library does not count connections: every error that means so is raised, and
the reader connects again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.gpu.bounds import MOST_GPUS, believable_name
from vllm_costmeter.core.gpu.device import UNKNOWN_NAME, GpuDevice, VisibleGpu
from vllm_costmeter.core.gpu.group import GpuProcess
from vllm_costmeter.core.gpu.reading import DownReason, GpuSample
from vllm_costmeter.sources.gpu.amd_smi_library import package
from vllm_costmeter.sources.gpu.amd_smi_sample import RawAmdSmi, parse
from vllm_costmeter.sources.gpu.driver import DriverError
from vllm_costmeter.sources.gpu.nvml_sample import program

NOT_AVAILABLE = "N/A"  # how the package writes a missing text
REASONS: dict[int, DownReason] = {
    10: "no_permission",  # AMDSMI_STATUS_NO_PERM
    31: "gpu_lost",  # AMDSMI_STATUS_NOT_FOUND
    32: "gpu_lost",  # AMDSMI_STATUS_NOT_INIT
    34: "no_driver",  # AMDSMI_STATUS_DRIVER_NOT_LOADED
    51: "no_driver",  # AMDSMI_STATUS_NO_DRV
    54: "gpu_lost",  # AMDSMI_STATUS_AMDGPU_RESTART_ERR
}
FATAL = frozenset(REASONS) - {10, 31}


class AmdSmiDriver:
    """One connection to AMD SMI. Importing amdsmi loads the library, so that happens in `open`."""

    name = "amdsmi"

    def __init__(self) -> None:
        self._amdsmi: Any = None
        self._handles: dict[str, Any] = {}
        self._parts: set[str] = set()
        """Partitions other than the first of their GPU."""

    def open(self) -> None:
        """Connect. Raises DriverError if the package, the library or the driver is missing, or their versions
        differ."""
        self._amdsmi = package()
        try:
            self._amdsmi.amdsmi_init()
            self._handles = {}
        except self._amdsmi.AmdSmiException as fault:
            self._amdsmi = None
            raise _driver_error("AMD SMI", fault) from None

    def devices(self) -> tuple[GpuDevice, ...]:
        """The machine's GPUs and partitions in HIP's order, where the library reports it, else in the library's, which
        vLLM takes for HIP's. A lost GPU is omitted; DriverError if none of them answers."""
        amdsmi = self._amdsmi
        try:
            handles = amdsmi.amdsmi_get_processor_handles()
        except amdsmi.AmdSmiException as fault:
            raise _driver_error("AMD SMI", fault) from None
        found: list[tuple[int, str, str, Any]] = []
        faults: list[DriverError] = []
        for place, handle in enumerate(handles[:MOST_GPUS]):
            try:
                found.append((*self._identity(place, handle), handle))
            except amdsmi.AmdSmiException as fault:
                faults.append(_driver_error(f"AMD SMI, GPU {place}", fault))
        if faults and not found:
            raise faults[0]
        found.sort(key=lambda each: each[0])
        self._handles, self._parts, devices = {}, set(), []
        for index, (_, uuid, name, handle) in enumerate(found):
            own = uuid if uuid not in self._handles else f"{uuid}/{index}"
            self._handles[own] = handle
            if own != uuid:
                self._parts.add(own)
            devices.append(GpuDevice(index, own, name, maker="amd"))
        return tuple(devices)

    def sample(self, gpu: VisibleGpu) -> GpuSample:
        """Read one GPU. Power, utilization and energy are the whole GPU's, so they are read for its first partition
        only, and counted once."""
        handle = self._handle(gpu)
        amdsmi = self._amdsmi
        try:
            raw = RawAmdSmi(processes=self._processes(handle), **self._memory(handle))
            if gpu.uuid not in self._parts:
                raw = RawAmdSmi(
                    processes=raw.processes,
                    vram_total_mb=raw.vram_total_mb,
                    vram_used_mb=raw.vram_used_mb,
                    **self._activity(handle),
                )
        except amdsmi.AmdSmiException as fault:
            raise _driver_error(f"AMD SMI, GPU {gpu.label}", fault) from None
        if raw.silent:
            raise DriverError(f"AMD SMI, GPU {gpu.label}: every query returned an error")
        return parse(raw)

    def processes(self, gpu: VisibleGpu) -> tuple[GpuProcess, ...]:
        """The processes that use one GPU's memory; empty if the driver does not list them."""
        amdsmi = self._amdsmi
        try:
            found = self._ask(amdsmi.amdsmi_get_gpu_process_list, self._handle(gpu)) or ()
        except amdsmi.AmdSmiException as fault:
            raise _driver_error(f"AMD SMI, GPU {gpu.label}", fault) from None
        return tuple(
            GpuProcess(
                each["pid"],
                program(_text(each["name"])),
                _number(each["memory_usage"]["vram_mem"]),
                gpu.label,
            )
            for each in found
        )

    def close(self) -> None:
        """Disconnect; does nothing when not connected."""
        amdsmi, self._amdsmi = self._amdsmi, None
        if amdsmi is not None:
            with contextlib.suppress(amdsmi.AmdSmiException):
                amdsmi.amdsmi_shut_down()

    def _identity(self, place: int, handle: Any) -> tuple[int, str, str]:
        """(HIP's number, UUID, name). The UUID is HIP's, which ROCR_VISIBLE_DEVICES takes: GPU- and the unique id."""
        amdsmi = self._amdsmi
        enumerated = getattr(amdsmi, "amdsmi_get_gpu_enumeration_info", None)
        hip = (self._ask(enumerated, handle) if enumerated else None) or {}
        asic = self._ask(amdsmi.amdsmi_get_gpu_asic_info, handle) or {}
        serial = _text(asic.get("asic_serial"))
        uuid = _text(hip.get("hip_uuid")) or (f"GPU-{serial.removeprefix('0x').lower()}" if serial else None)
        number = _number(hip.get("hip_id"))
        name = believable_name(_text(asic.get("market_name"))) or UNKNOWN_NAME
        return place if number is None else number, uuid or amdsmi.amdsmi_get_gpu_device_uuid(handle), name

    def _memory(self, handle: Any) -> dict[str, Any]:
        vram = self._ask(self._amdsmi.amdsmi_get_gpu_vram_usage, handle) or {}
        return {
            "vram_total_mb": _number(vram.get("vram_total")),
            "vram_used_mb": _number(vram.get("vram_used")),
        }

    def _activity(self, handle: Any) -> dict[str, Any]:
        amdsmi, ask = self._amdsmi, self._ask
        energy = ask(amdsmi.amdsmi_get_energy_count, handle) or {}
        return {
            "socket_power_watts": _power(ask(amdsmi.amdsmi_get_power_info, handle) or {}),
            "gfx_activity_percent": _number(
                (ask(amdsmi.amdsmi_get_gpu_activity, handle) or {}).get("gfx_activity")
            ),
            "energy_ticks": _number(energy.get("energy_accumulator", energy.get("power"))),
            "microjoules_per_tick": energy.get("counter_resolution"),
        }

    def _handle(self, gpu: VisibleGpu) -> Any:
        if not self._handles:  # connected again: the reader keeps its list of GPUs
            self.devices()
        try:
            return self._handles[gpu.uuid]
        except KeyError:
            raise DriverError(f"AMD SMI, GPU {gpu.label}: not listed by the driver", "gpu_missing") from None

    def _processes(self, handle: Any) -> tuple[tuple[int, int | None], ...] | None:
        found = self._ask(self._amdsmi.amdsmi_get_gpu_process_list, handle)
        return (
            None
            if found is None
            else tuple((each["pid"], _number(each["memory_usage"]["vram_mem"])) for each in found)
        )

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """The answer; None if the driver has none. An error that means the driver or the connection is gone is
        raised."""
        try:
            return question(*arguments)
        except self._amdsmi.AmdSmiException as fault:
            if getattr(fault, "err_code", None) in FATAL:
                raise
            return None
        except UnicodeDecodeError:  # the package decodes whatever the driver wrote
            return None


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


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in ("", NOT_AVAILABLE) else None


def _driver_error(where: str, fault: Exception) -> DriverError:
    """The error in one line, with the reason from the library's error code."""
    code = getattr(fault, "err_code", None)
    return DriverError(f"{where}: {' '.join(str(fault).split())}", REASONS.get(code or 0, "driver_error"))
