"""The GPU of a cloud's instance type.

Whole GPUs only. Sources, read 2026-11: the lists of instance types of AWS (EC2 accelerated computing; Karpenter 1.14's
instance-types page), Google Cloud (GPU machine types), Azure (GPU-accelerated VM sizes) and Oracle (GPU shapes).
"""

from __future__ import annotations

import re

from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import find_gpu

INSTANCE_LABELS = (
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "karpenter.azure.com/sku-name",
    "oci.oraclecloud.com/instance-shape",
)
FAMILY_LABELS = ("karpenter.k8s.aws/instance-family", "eks.amazonaws.com/instance-family")

_INSTANCES: tuple[tuple[str, str], ...] = (
    # most specific first; any other, such as a part of an A10 or L4, is not guessed
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
    (r"a4x-maxgpu-.*", "GB300"),
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
    (r"standard_nd96isr_mi300x_v5", "MI300X"),
    (r"standard_nd128isr_(ndr_)?gb200_v6", "GB200"),
    (r"standard_nd128isr_gb300_v6", "GB300"),
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
    (r"bm\.gpu\.mi300x\.8", "MI300X"),
    (r"bm\.gpu\.mi355x(-v1)?\.8", "MI355X"),
)


def gpu_of_instance(instance_type: str) -> GpuSpec | None:
    """The GPU of a cloud's instance type; None for one that has none or part of one, and for other clouds."""
    folded = instance_type.strip().casefold()
    return next((find_gpu(name) for pattern, name in _INSTANCES if re.fullmatch(pattern, folded)), None)


def gpu_of_family(family: str) -> GpuSpec | None:
    """The GPU of every size of one of AWS's instance families; None for a family of which none has one."""
    return gpu_of_instance(f"{family.strip()}.")
