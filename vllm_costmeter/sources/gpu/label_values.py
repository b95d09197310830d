"""Values of node labels that spell a GPU as no driver does, and that mean one GPU where a person may mean several.

"nvidia-h100-80gb" is Google's H100 SXM; "H100 80GB" may be either of two.
"""

from __future__ import annotations

from collections.abc import Mapping

LABEL_VALUES: Mapping[str, str] = {
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
"""By the casefolded value; catalogue names."""
