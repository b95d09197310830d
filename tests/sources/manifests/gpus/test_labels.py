"""Node labels and instance types: the GPU they stand for, or why none can be told."""

from __future__ import annotations

import pytest

from vllm_costmeter.sources.manifests.gpus.devices import EVERY, listed_devices, visible_devices
from vllm_costmeter.sources.manifests.gpus.labels import named_gpus, node_gpus


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (
            {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "40960"},
            "A100 40GB SXM",
        ),
        (
            {"karpenter.k8s.aws/instance-gpu-name": "a100", "karpenter.k8s.aws/instance-gpu-memory": "81920"},
            "A100 80GB SXM",
        ),
        ({"karpenter.k8s.aws/instance-family": "g6e"}, "L40S"),
        ({"karpenter.azure.com/sku-name": "Standard_ND96isr_H100_v5"}, "H100 SXM"),
        ({"node.kubernetes.io/instance-type": "Standard_ND96isr_MI300X_v5"}, "MI300X"),
        ({"node.kubernetes.io/instance-type": "BM.GPU.MI300X.8"}, "MI300X"),
        ({"node.kubernetes.io/instance-type": "p5.48xlarge"}, "H100 SXM"),
    ],
)
def test_labels_together_name_one_gpu(labels: dict[str, str], names: str) -> None:
    """The memory tells the A100s apart; families and sizes of clouds name theirs."""
    assert node_gpus(labels.items()).names == (names,)


def test_short_names_may_mean_several() -> None:
    """Smallest memory first, so that the check is safe for all."""
    assert named_gpus("H100").names == ("H100 PCIe", "H100 SXM", "H100 NVL")
    assert named_gpus("h100-mega-80gb").names == ("H100 SXM",)
    assert "unknown GPU" in (named_gpus("H900").fault or "")


def test_a_server_sees_the_gpus_that_are_left() -> None:
    """CUDA_VISIBLE_DEVICES counts within what the container has."""
    assert visible_devices(("4", "5"), {"CUDA_VISIBLE_DEVICES": "1"}) == ("5",)
    assert visible_devices(None, {"NVIDIA_VISIBLE_DEVICES": "2,3"}) == ("2", "3")
    assert visible_devices(None, {}) == ()
    assert listed_devices("all") == EVERY
    assert listed_devices("$GPUS") is None
