"""Memory of linked GPUs, by what links them."""

from __future__ import annotations

import pytest
from example_models import GIB

from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.links import LinkMemory, link_memory


def linked(name: str, capability: tuple[int, int] | None, gpus: int = 2) -> LinkMemory | None:
    """On each of `gpus`."""
    return link_memory(GpuGroup(name, 80 * GIB, gpus, compute_capability=capability), gpus)


@pytest.mark.parametrize(
    ("name", "capability", "gpus", "least_usual_most_gib"),
    [
        ("H100 SXM", (9, 0), 2, (1.9, 2.1, 2.3)),
        ("H100 SXM", (9, 0), 8, (1.9, 2.1, 2.3)),
        ("H200 SXM", (9, 0), 4, (0.9, 2.1, 2.3)),
        ("B200 SXM", (10, 0), 8, (0.6, 1.2, 1.8)),
        ("B300 SXM", (10, 3), 2, (0.6, 1.2, 1.8)),
        ("A100 80GB PCIe", (8, 0), 2, (0.1, 0.8, 2.25)),
        ("V100", (7, 0), 4, (0.1, 0.8, 2.25)),
        ("RTX 5090", (12, 0), 2, (0.1, 0.45, 0.8)),
        ("RTX 4090", (8, 9), 2, (0.1, 0.45, 0.8)),
        ("T4", (7, 5), 2, (0.1, 0.45, 0.8)),
        ("RTX PRO 6000", (12, 0), 3, (0.2, 1.0, 1.8)),
        ("H100 PCIe", (9, 0), 4, (0.2, 1.0, 1.8)),
        ("RTX 3090", (8, 6), 4, (0.2, 1.0, 1.8)),
    ],
)
def test_nvlink_takes_more_than_pcie_and_pcie_more_from_three_gpus_on(
    name: str, capability: tuple[int, int], gpus: int, least_usual_most_gib: tuple[float, float, float]
) -> None:
    """NVLink has sixteen and more channels whatever the number of GPUs; PCIe's buffers exist per channel and peer."""
    found = linked(name, capability, gpus)
    assert found is not None
    assert found.gib == least_usual_most_gib


@pytest.mark.parametrize(
    ("name", "capability", "may_be_bridged"),
    [
        ("RTX 3090", (8, 6), True),
        ("RTX A6000", (8, 6), True),
        ("RTX 2080 Ti", (7, 5), True),
        ("H100 PCIe", (9, 0), True),
        ("A10", (8, 6), False),
        ("RTX 6000 Ada", (8, 9), False),
        ("RTX 6000 Blackwell", (12, 0), False),
    ],
)
def test_a_bridge_may_join_two_gpus_of_older_generations_only(
    name: str, capability: tuple[int, int], may_be_bridged: bool
) -> None:
    """The range reaches further where an NVLink bridge fits: before Ada by name, and on Hopper's PCIe cards."""
    found = linked(name, capability)
    assert found is not None
    assert found.gib == ((0.1, 0.45, 1.2) if may_be_bridged else (0.1, 0.45, 0.8))


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
    found = linked(name, capability, gpus)
    assert found is not None
    least, _, most = found.gib
    assert least <= logged_gib <= most


def test_a_gpu_of_no_known_kind_has_no_link() -> None:
    """The release's own range holds then."""
    assert linked("GPU of 24 GiB", None) is None
