"""The GPUs that node labels stand for, under their catalogue names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.whole_number import whole_number
from vllm_costmeter.sources.catalogue.load import find_gpu, load_catalogue
from vllm_costmeter.sources.gpu.label_values import LABEL_VALUES
from vllm_costmeter.sources.manifests.gpus.instances import (
    FAMILY_LABELS,
    INSTANCE_LABELS,
    gpu_of_family,
    gpu_of_instance,
)

GPU_LABELS = (
    "nvidia.com/gpu.product",  # NVIDIA's GPU feature discovery: the driver's name with dashes
    "amd.com/gpu.product-name",  # AMD's node labeller
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "karpenter.azure.com/sku-gpu-name",
    "gpu.nvidia.com/class",  # CoreWeave
    "gpu.nvidia.com/model",
    "k8s.amazonaws.com/accelerator",
    "accelerator",
)
MEMORY_LABELS = (
    "nvidia.com/gpu.memory",  # MiB, as nvidia-smi shows it
    "karpenter.k8s.aws/instance-gpu-memory",  # MiB of one GPU
    "eks.amazonaws.com/instance-gpu-memory",
)
READ_LABELS = frozenset((*GPU_LABELS, *MEMORY_LABELS, *INSTANCE_LABELS, *FAMILY_LABELS))

_AWS_LABELS = (
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
)
_AWS_VALUES: Mapping[str, str] = {"h100": "H100 SXM"}
"""P5 alone has H100s there; "a100" is a P4d of 40 GB or a P4de of 80 (Karpenter 1.14's list of instance types)."""

_SAME_MEMORY = 0.15
"""Share by which a label's MiB may differ from the memory that CUDA reports: nominal GB, or with the driver's part."""


@dataclass(frozen=True, slots=True)
class NodeGpus:
    """What the labels of a node say of its GPUs."""

    names: tuple[str, ...] = ()
    """Catalogue names, the smallest memory first."""
    mig_profile: str | None = None
    """"1g.10gb" where each GPU that is handed out is such a slice."""
    fault: str | None = None
    """Why no GPU could be told from a label that names one."""


def node_gpus(labels: Iterable[tuple[str, str]]) -> NodeGpus:
    """A label that says nothing of a GPU is passed over; one that names a GPU we do not know, or several that its
    memory does not tell apart, is the fault."""
    given = list(labels)
    stated = (whole_number(value.strip()) for key, value in given if key in MEMORY_LABELS)
    memory = [each for each in stated if each is not None]
    found: dict[str, GpuSpec] = {}
    fault, profile = None, None
    for key, value in given:
        product, dash, slice_ = re.sub(r"-shared$", "", value.strip(), flags=re.IGNORECASE).partition("-MIG-")
        profile = slice_ if dash and key in GPU_LABELS else profile
        try:
            gpu = _gpu(key, product, memory)
        except BadInputError as error:
            fault = f"{key}: {error}"
            continue
        if gpu is not None:
            found[gpu.name] = gpu
    return NodeGpus(_smallest_first(found.values()), profile, None if found else fault)


def named_gpus(text: str) -> NodeGpus:
    """Every GPU that a scheduler's short name may mean: "H100" is three of them, "A100-80GB" two."""
    folded = text.strip().casefold()
    name = LABEL_VALUES.get(folded) or LABEL_VALUES.get(f"nvidia-{folded}")
    try:
        found = (find_gpu(name),) if name is not None else load_catalogue().matching(text)
        return NodeGpus(_smallest_first(found or (find_gpu(text),)))
    except BadInputError as error:
        return NodeGpus(fault=str(error))


def _smallest_first(gpus: Iterable[GpuSpec]) -> tuple[str, ...]:
    return tuple(gpu.name for gpu in sorted(gpus, key=lambda gpu: gpu.memory_bytes or 0))


def _gpu(key: str, value: str, memory_mib: Sequence[int]) -> GpuSpec | None:
    folded = value.casefold()
    if key in INSTANCE_LABELS:
        return gpu_of_instance(value)
    if key in FAMILY_LABELS:
        return gpu_of_family(value)
    if key not in GPU_LABELS or folded in ("nvidia", "amd", "gpu"):
        return None
    name = LABEL_VALUES.get(folded) or (_AWS_VALUES.get(folded) if key in _AWS_LABELS else None)
    if name is not None:
        return find_gpu(name)
    alike = [
        gpu
        for gpu in load_catalogue().matching(value)
        for mib in memory_mib
        if abs((gpu.memory_bytes or 0) / (mib << 20) - 1) < _SAME_MEMORY
    ]
    return alike[0] if len(alike) == 1 else _told_apart(value, alike)


def _told_apart(value: str, alike: Sequence[GpuSpec]) -> GpuSpec:
    """Of GPUs with one memory that differ in their board, AWS has the SXM one; others are not guessed."""
    boards = [gpu for gpu in alike if gpu.name.endswith("SXM")]
    return boards[0] if len(boards) == 1 else find_gpu(value)
