"""The page of NVIDIA's dcgm-exporter as one value per GPU or MIG slice; pure.

Metrics, labels and units: `etc/default-counters.csv` and the exporter's text template, releases to 4.5.3-4.8.2 (read
2026-05 and 2026-11); NVIDIA's page "DCGM-Exporter" shows whole GPUs and MIG slices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.gpu.bounds import MOST_GPUS, MOST_SLICES, believable_name
from vllm_costmeter.core.gpu.device import UNKNOWN_NAME, GpuDevice, GpuSlice
from vllm_costmeter.core.gpu.reading import GpuSample, SliceShare

MEBIBYTE = 1 << 20
USED, FREE = "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE"
POWER, LIMIT = "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_POWER_MGMT_LIMIT"
ENERGY, BUSY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "DCGM_FI_DEV_GPU_UTIL"
METRICS = (USED, FREE, POWER, LIMIT, ENERGY, BUSY)

_BLANKS = tuple(range(2147483632, 2147483636)) + tuple(range(140737488355328, 140737488355332))
_BLANK_INT64 = 9.22e18
"""DCGM's "no value", "not found", "not supported" and "no permission" (dcgm_structs.h: DCGM_INT32_BLANK 0x7ffffff0,
DCGM_FP64_BLANK 2^47, DCGM_INT64_BLANK 0x7ffffffffffffff0), which older exporters publish as values."""
_COMPUTE_SLICES = re.compile(r"(\d)g\.")


class LabelledValue(Protocol):
    """A sample of a metrics page."""

    @property
    def labels(self) -> Mapping[str, str]: ...

    @property
    def value(self) -> float: ...


@dataclass(slots=True)
class ExportedGpu:
    """One GPU of the exporter's machine, or of several machines if the page was merged."""

    index: int
    uuid: str
    name: str
    host: str
    pods: set[str] = field(default_factory=set)
    """Kubernetes pods that use it, or its slices, if the exporter knows them."""
    values: dict[tuple[str | None, str], float] = field(default_factory=dict)
    """By (GPU instance or None for the whole GPU, metric)."""
    profiles: dict[str, str] = field(default_factory=dict)
    """MIG profiles by GPU instance."""
    pod_slices: dict[str, str] = field(default_factory=dict)
    """Pods by GPU instance."""

    def device(self, index: int, pod: str | None = None) -> GpuDevice:
        """Its identity, numbered `index`. `pod`: only the slices of this pod, if any is known to be."""
        mine = {instance for instance, owner in self.pod_slices.items() if owner == pod}
        instances = sorted(mine or self.profiles, key=_number)[:MOST_SLICES]
        return GpuDevice(
            index=index,
            uuid=self.uuid,
            name=self.name,
            mig_enabled=bool(self.profiles),
            slices=tuple(
                GpuSlice(place, f"{self.uuid}/{instance}", _number(instance), 0)
                for place, instance in enumerate(instances)
            ),
        )

    def sample(self, instance: int | None = None) -> GpuSample:
        """In base units. The energy counter is as old as the exporter's last collection. Power, utilization and energy
        of a slice are not read: they are the GPU's."""
        part = next((name for name in self.profiles if _number(name) == instance), None)
        if instance is not None and part is None:
            return GpuSample()

        def told(metric: str, scale: float = 1.0, of: str | None = None) -> float | None:
            value = self.values.get((of, metric))
            return None if value is None else value * scale

        used, free = _bytes(told(USED, of=part)), _bytes(told(FREE, of=part))
        total = None if used is None or free is None else used + free
        if part is not None:
            whole = (_bytes(told(USED)), _bytes(told(FREE)))
            gpu_bytes = None if None in whole else sum(each or 0 for each in whole)
            shape = _COMPUTE_SLICES.match(self.profiles[part])
            share = SliceShare(total, gpu_bytes, int(shape[1]) if shape else None)
            return GpuSample(total, used, free, slice=share)
        return GpuSample(
            memory_total_bytes=total,
            memory_used_bytes=used,
            memory_free_bytes=free,
            power_watts=told(POWER),
            power_limit_watts=told(LIMIT),
            utilization_ratio=told(BUSY, 0.01),
            energy_counter_joules=told(ENERGY, 0.001),
        )


def exported_gpus(samples: Callable[[str], Iterable[LabelledValue]]) -> tuple[ExportedGpu, ...]:
    """The page's GPUs by host and index. `samples(name)` gives those of one metric. A GPU that several pods share has a
    sample for each, all with the GPU's value."""
    found: dict[str, ExportedGpu] = {}
    for metric in METRICS:
        for sample in samples(metric):
            gpu = _gpu(found, sample.labels)
            if gpu is not None and not _is_blank(sample.value):
                instance = _note_owner(gpu, sample.labels)
                gpu.values.setdefault((instance, metric), sample.value)
    return tuple(sorted(found.values(), key=lambda gpu: (gpu.host, gpu.index)))


def _gpu(found: dict[str, ExportedGpu], labels: Mapping[str, str]) -> ExportedGpu | None:
    """None for a sample without an identity, and past the largest number of GPUs."""
    uuid, index = labels.get("UUID", ""), labels.get("gpu", "")
    if not uuid.startswith("GPU-") or not index.isdecimal() or len(index) > 4:
        return None
    if uuid not in found:
        if len(found) == MOST_GPUS:
            return None
        host = labels.get("Hostname") or labels.get("hostname") or ""
        name = believable_name(labels.get("modelName")) or UNKNOWN_NAME
        found[uuid] = ExportedGpu(int(index), uuid, name, host)
    return found[uuid]


def _note_owner(gpu: ExportedGpu, labels: Mapping[str, str]) -> str | None:
    """The GPU instance that a sample is of; None for the whole GPU."""
    instance, pod = labels.get("GPU_I_ID") or None, labels.get("pod")
    if pod:
        gpu.pods.add(pod)
    if instance is not None:
        gpu.profiles[instance] = labels.get("GPU_I_PROFILE", "")
        if pod:
            gpu.pod_slices[instance] = pod
    return instance


def _number(instance: str) -> int:
    return int(instance) if instance.isdecimal() and len(instance) < 6 else -1


def _bytes(mebibytes: float | None) -> int | None:
    return None if mebibytes is None else round(mebibytes * MEBIBYTE)


def _is_blank(value: float) -> bool:
    return value in _BLANKS or value >= _BLANK_INT64
