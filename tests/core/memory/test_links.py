"""Memory of linked GPUs, by what links them."""

from __future__ import annotations

import pytest
from example_models import GIB

from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.links import link_memory


def usual(name: str, capability: tuple[int, int] | None, gpus: int = 2) -> float | None:
    """GiB on each of `gpus`."""
    found = link_memory(GpuGroup(name, 80 * GIB, gpus, compute_capability=capability), gpus)
    return None if found is None else found.gib[1]


def test_nvlink_takes_more_than_pcie() -> None:
    """Sixteen and more channels against two to four."""
    hopper, blackwell, ampere = (
        usual("H100 SXM", (9, 0)),
        usual("B200 SXM", (10, 0)),
        usual("A100 80GB SXM", (8, 0)),
    )
    consumer = usual("RTX 5090", (12, 0))
    assert hopper is not None
    assert blackwell is not None
    assert ampere is not None
    assert consumer is not None
    assert hopper > blackwell > ampere > consumer


@pytest.mark.parametrize(
    ("name", "capability", "gpus", "logged_gib"),
    [
        ("H100 SXM", (9, 0), 2, 2.06),
        ("H100 SXM", (9, 0), 4, 2.21),
        ("H200 SXM", (9, 0), 2, 1.38),
        ("GB200", (10, 0), 4, 0.95),
        ("B300 SXM", (10, 3), 8, 1.63),
        ("A100 80GB SXM", (8, 0), 2, 0.2),
        ("RTX 5090", (12, 0), 2, 0.75),
        ("RTX 3090", (8, 6), 2, 0.74),
        ("RTX PRO 6000", (12, 0), 4, 1.70),
    ],
)
def test_every_logged_growth_lies_in_its_range(
    name: str, capability: tuple[int, int], gpus: int, logged_gib: float
) -> None:
    """Least to most of the link contains what was logged."""
    found = link_memory(GpuGroup(name, 80 * GIB, gpus, compute_capability=capability), gpus)
    assert found is not None
    least, _, most = found.gib
    assert least <= logged_gib <= most


def test_a_bridge_may_join_two_gpus_of_older_generations_only() -> None:
    """The range reaches further where an NVLink bridge fits."""
    with_bridge = link_memory(GpuGroup("RTX 3090", 24 * GIB, 2, compute_capability=(8, 6)), 2)
    without = link_memory(GpuGroup("RTX 4090", 24 * GIB, 2, compute_capability=(8, 9)), 2)
    assert with_bridge is not None
    assert without is not None
    assert with_bridge.gib[2] > without.gib[2]


def test_a_gpu_of_no_known_kind_has_no_link() -> None:
    """The release's own range holds then."""
    assert usual("GPU of 24 GiB", None) is None
