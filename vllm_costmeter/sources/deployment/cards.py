"""The card that a node label or an instance type stands for, under its catalogue name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vllm_costmeter.core.card import Card
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.catalogue import card_for_nvml_name, find_gpu

CARD_LABELS = (
    "nvidia.com/gpu.product",  # NVIDIA's GPU feature discovery: the driver's name with dashes
    "amd.com/gpu.product-name",  # AMD's node labeller
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "gpu.nvidia.com/class",  # CoreWeave
    "gpu.nvidia.com/model",
    "k8s.amazonaws.com/accelerator",
    "accelerator",
)
INSTANCE_LABELS = ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type")

_LABEL_VALUES: Mapping[str, str] = {
    # values of cloud.google.com/gke-accelerator that spell a card as no driver does
    "nvidia-tesla-a100": "A100 40GB SXM",
    "nvidia-h100-80gb": "H100 SXM",
    "nvidia-h100-mega-80gb": "H100 SXM",
    "nvidia-h200-141gb": "H200 SXM",
    "nvidia-tesla-v100": "V100 16GB",
    "nvidia-tesla-t4": "T4",
    # values of gpu.nvidia.com/class
    "a100_nvlink_80gb": "A100 80GB SXM",
    "a100_pcie_80gb": "A100 80GB PCIe",
    "a100_nvlink": "A100 40GB SXM",
    "h100_nvlink_80gb": "H100 SXM",
}

_INSTANCES: tuple[tuple[str, str], ...] = (
    # instance types of AWS, Google Cloud and Azure with GPUs (2026), most specific first; any other is not guessed
    (r"g4dn\..*", "T4"),
    (r"g5\..*", "A10G"),
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
    (r"g2-standard-.*", "L4"),
    (r"standard_nc\d+ads_a100_v4", "A100 80GB PCIe"),
    (r"standard_nd96asr_(a100_)?v4", "A100 40GB SXM"),
    (r"standard_nd96amsr_a100_v4", "A100 80GB SXM"),
    (r"standard_nc\d+(ads|adis)_h100_v5", "H100 NVL"),
    (r"standard_nd96isr_h100_v5", "H100 SXM"),
    (r"standard_nd96isr_h200_v5", "H200 SXM"),
    (r"standard_nc\d+as_t4_v3", "T4"),
)


def cards_of(labels: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], str | None]:
    """Catalogue names of the cards that labels allow, the smallest memory first, and why none could be told.

    A label that says nothing of a card is passed over; one that names a card we do not know is the fault.
    """
    found: dict[str, Card] = {}
    fault = None
    for key, value in labels:
        try:
            card = _card(key, value)
        except BadInputError as error:
            fault = f"{key}: {error}"
            continue
        if card is not None:
            found[card.name] = card
    ordered = sorted(found.values(), key=lambda card: card.memory_bytes or 0)
    return tuple(card.name for card in ordered), None if ordered else fault


def _card(key: str, value: str) -> Card | None:
    folded = value.strip().casefold()
    if key in INSTANCE_LABELS:
        return next((find_gpu(name) for pattern, name in _INSTANCES if re.fullmatch(pattern, folded)), None)
    if key not in CARD_LABELS or folded in ("nvidia", "amd", "gpu"):
        return None
    if "-mig-" in folded:
        raise BadInputError(f"{value} is a slice of a card: say its memory with --gpu-memory-gib")
    if folded in _LABEL_VALUES:
        return find_gpu(_LABEL_VALUES[folded])
    product = re.sub(r"-shared$", "", value.strip(), flags=re.IGNORECASE)
    return card_for_nvml_name(product) or find_gpu(product)
