"""The GPU that a node label or an instance type stands for, under its catalogue name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import find_gpu

GPU_LABELS = (
    "nvidia.com/gpu.product",  # NVIDIA's GPU feature discovery: the driver's name with dashes
    "amd.com/gpu.product-name",  # AMD's node labeller
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "gpu.nvidia.com/class",  # CoreWeave
    "gpu.nvidia.com/model",
    "k8s.amazonaws.com/accelerator",
    "accelerator",
)
INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")

_LABEL_VALUES: Mapping[str, str] = {
    # values of cloud.google.com/gke-accelerator that spell a GPU as no driver does, or name several
    "nvidia-tesla-a100": "A100 40GB SXM",
    "nvidia-a100-80gb": "A100 80GB SXM",
    "nvidia-h100-80gb": "H100 SXM",
    "nvidia-h100-mega-80gb": "H100 SXM",
    "nvidia-h200-141gb": "H200 SXM",
    "nvidia-tesla-v100": "V100 16GB",
    "nvidia-tesla-t4": "T4",
    "nvidia-tesla-p100": "P100 16GB PCIe",
    "nvidia-rtx-pro-6000": "RTX PRO 6000",
    # a value of instance-gpu-name that spells a GPU as no driver does (Karpenter 1.14's list of instance types)
    "rtx-pro-server-6000": "RTX PRO 6000",
    # values of gpu.nvidia.com/class
    "a100_nvlink_80gb": "A100 80GB SXM",
    "a100_pcie_80gb": "A100 80GB PCIe",
    "a100_nvlink": "A100 40GB SXM",
    "h100_nvlink_80gb": "H100 SXM",
}

_AWS_LABELS = (
    "karpenter.k8s.aws/instance-gpu-name",
    "eks.amazonaws.com/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
)
_AWS_VALUES: Mapping[str, str] = {"h100": "H100 SXM"}
"""P5 alone has H100s there; "a100" is a P4d of 40 GB or a P4de of 80 (Karpenter 1.14's list of instance types)."""

_INSTANCES: tuple[tuple[str, str], ...] = (
    # instance types of AWS, Google Cloud, Azure and Oracle with whole GPUs (2026), most specific first; any other,
    # such as a part of an A10 or L4, is not guessed
    (r"g4dn\..*", "T4"),
    (r"g5g\..*", "T4G"),
    (r"g5\..*", "A10G"),
    (r"g7e\..*", "RTX PRO 6000"),
    (r"g7\..*", "RTX PRO 4500"),
    (r"g6e\..*", "L40S"),
    (r"(g6|gr6)\..*", "L4"),
    (r"p3dn\..*", "V100 32GB"),
    (r"p3\..*", "V100 16GB"),
    (r"p4de\..*", "A100 80GB SXM"),
    (r"p4d\..*", "A100 40GB SXM"),
    (r"(p5e|p5en)\..*", "H200 SXM"),
    (r"p5\..*", "H100 SXM"),
    (r"p6-b200\..*", "B200 SXM"),
    (r"p6-b300\..*", "B300 SXM"),
    (r"a2-ultragpu-.*", "A100 80GB SXM"),
    (r"a2-(high|mega)gpu-.*", "A100 40GB SXM"),
    (r"a3-ultragpu-.*", "H200 SXM"),
    (r"a3-(high|mega|edge)gpu-.*", "H100 SXM"),
    (r"a4-highgpu-.*", "B200 SXM"),
    (r"a4x-highgpu-.*", "GB200"),
    (r"g2-standard-.*", "L4"),
    (r"g4-standard-.*", "RTX PRO 6000"),
    (r"standard_nc\d+ads_a100_v4", "A100 80GB PCIe"),
    (r"standard_nd96asr_(a100_)?v4", "A100 40GB SXM"),
    (r"standard_nd96amsr_a100_v4", "A100 80GB SXM"),
    (r"standard_nc\d+(ads|adis)_h100_v5", "H100 NVL"),
    (r"standard_nd96isr_h100_v5", "H100 SXM"),
    (r"standard_nd96isr_h200_v5", "H200 SXM"),
    (r"standard_nc\d+as_t4_v3", "T4"),
    (r"standard_nv(36|72)adm?s_a10_v5", "A10"),
    (r"standard_nc\d+r?s_v3", "V100 16GB PCIe"),
    (r"standard_nd40rs_v2", "V100 32GB"),
    (r"standard_nc\d+r?s_v2", "P100 16GB PCIe"),
    (r"standard_nd\d+r?s", "P40"),
    (r"bm\.gpu4\.8", "A100 40GB SXM"),
    (r"bm\.gpu\.a100-v2\.8", "A100 80GB SXM"),
    (r"(bm|vm)\.gpu\.a10\.\d", "A10"),
    (r"bm\.gpu\.l40s\.4", "L40S"),
    (r"bm\.gpu\.h100\.8", "H100 SXM"),
    (r"bm\.gpu\.h200\.8", "H200 SXM"),
    (r"bm\.gpu\.b200\.8", "B200 SXM"),
    (r"bm\.gpu\.b300\.8", "B300 SXM"),
    (r"bm\.gpu\.gb200\.4", "GB200"),
    (r"bm\.gpu\.gb300\.4", "GB300"),
    (r"bm\.gpu\.rtxpro\.8", "RTX PRO 6000"),
)


def gpus_of(labels: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str | None]:
    """Catalogue names of the GPUs that labels allow, the smallest memory first, and why none could be told.

    A label that says nothing of a GPU is passed over; one that names a GPU we do not know, or several, is the fault.
    """
    found: dict[str, GpuSpec] = {}
    fault = None
    for key, value in labels:
        try:
            gpu = _gpu(key, value)
        except BadInputError as error:
            fault = f"{key}: {error}"
            continue
        if gpu is not None:
            found[gpu.name] = gpu
    ordered = sorted(found.values(), key=lambda gpu: gpu.memory_bytes or 0)
    return tuple(gpu.name for gpu in ordered), None if ordered else fault


def gpu_of_instance(instance_type: str) -> GpuSpec | None:
    """The GPU of a cloud's instance type; None for one that has none or part of one, and for other clouds."""
    folded = instance_type.strip().casefold()
    return next((find_gpu(name) for pattern, name in _INSTANCES if re.fullmatch(pattern, folded)), None)


def _gpu(key: str, value: str) -> GpuSpec | None:
    folded = value.strip().casefold()
    if key in INSTANCE_LABELS:
        return gpu_of_instance(value)
    if key not in GPU_LABELS or folded in ("nvidia", "amd", "gpu"):
        return None
    if "-mig-" in folded:
        raise BadInputError(f"{value} is a slice of a GPU: give its memory with --gpu-memory-gib")
    name = _LABEL_VALUES.get(folded) or (_AWS_VALUES.get(folded) if key in _AWS_LABELS else None)
    if name is not None:
        return find_gpu(name)
    product = re.sub(r"-shared$", "", value.strip(), flags=re.IGNORECASE)
    return find_gpu(product)
