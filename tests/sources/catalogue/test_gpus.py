"""The GPU catalogue agrees with itself and with what its parts must obey; each fact says where and when it was read."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from scripts.catalogue.compile_gpus import rows
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.sources.catalogue.load import PACKAGE_FOLDER, Catalogue
from vllm_costmeter.sources.catalogue.rows import FACTS

GPUS = Catalogue().gpus
ROWS: list[dict[str, Any]] = rows()
ROOT = Path(__file__).parents[3]
RATES = ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32")


def rate(gpu: GpuSpec, name: str) -> float | None:
    found: float | None = getattr(gpu, f"{name}_flops_per_second")
    return found


def test_there_are_the_gpus_that_people_own() -> None:
    """At least 120 of them, at least half with memory that a log or a driver showed."""
    assert len(GPUS) >= 120
    shown = [gpu for gpu in GPUS if gpu.memory_bytes and not gpu.provenance["memory_bytes"].estimated]
    assert len(shown) * 2 > len(GPUS)


def test_the_compiled_file_is_what_the_toml_says() -> None:
    """Who edits a TOML file and forgets to compile it is told here."""
    script = [sys.executable, "-m", "scripts.catalogue.compile_gpus", "--check"]
    assert subprocess.run(script, cwd=ROOT, check=False).returncode == 0, (
        "run python -m scripts.catalogue.compile_gpus"
    )


def test_every_fact_says_where_and_when() -> None:
    """No fact without a source and a day; "says" in a source admits a contradiction, and then the fact is marked."""
    for row in ROWS:
        for key in row.keys() & FACTS.keys():
            fact = row[key]
            assert len(fact["source"]) > 3, (row["name"], key)
            assert re.fullmatch(r"\d{4}(-\d\d){0,2}", fact["as_of"]), (row["name"], key)
            assert " says " not in fact["source"] or fact.get("verified") is False, (row["name"], key)
            if re.search(r"\b(derived|estimated|not re-read)\b", fact["source"]):
                assert fact.get("verified") is False, (row["name"], key)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_a_gpu_is_plausible(gpu: GpuSpec) -> None:
    """Memory below the nameplate and inside its range, rates that rise as formats shrink, slices that fit."""
    if gpu.memory_bytes is not None:
        low, high = gpu.memory_bytes_range or (0, 0)
        assert low <= gpu.memory_bytes <= high
        is_set_by_owner = gpu.unified_memory and gpu.vendor == "amd"  # BIOS and kernel divide the memory
        assert high / low < (2.1 if is_set_by_owner else 1.1)
        if gpu.nominal_gb is not None:
            assert (
                (0.45 if is_set_by_owner else 0.86)
                < low / (gpu.nominal_gb * 2**30)
                <= high / (gpu.nominal_gb * 2**30)
                <= 1
            )
        origin = gpu.provenance["memory_bytes"]
        if origin.estimated:
            assert not origin.verified
            assert low < high
    for wide, narrow in (("fp32", "bf16"), ("tf32", "bf16"), ("bf16", "fp8"), ("fp8", "fp4")):
        one, other = rate(gpu, wide), rate(gpu, narrow)
        assert one is None or other is None or one <= other * 1.05, (wide, narrow)
    for profile in gpu.mig_profiles or ():
        assert profile.memory_bytes[0] <= profile.memory_bytes[1] <= (gpu.memory_bytes or 0) * 1.005
        assert profile.memory_bytes[0] * profile.instances <= (gpu.memory_bytes or 0) * 1.005
        assert profile.name.startswith(f"{profile.compute_slices}g.")
        assert profile.instances <= (gpu.mig_instances or 0)


def test_formats_need_the_tensor_cores_that_have_them() -> None:
    """BF16 from Ampere on, FP8 from Ada on, FP4 from Blackwell on; GCN and CDNA names for AMD alone."""
    for gpu in GPUS:
        capability = gpu.compute_capability
        if gpu.vendor == "nvidia":
            assert capability is not None, gpu.name
            assert gpu.architecture is None, gpu.name
            assert (gpu.bf16_flops_per_second is None) or capability >= (8, 0), gpu.name
            assert (gpu.fp8_flops_per_second is None) or capability >= (8, 9), gpu.name
            assert (gpu.fp4_flops_per_second is None) or capability >= (10, 0), gpu.name
            assert ("FP8" in (gpu.transformer_engine or "")) == (capability >= (8, 9)), gpu.name
            assert ("FP4" in (gpu.transformer_engine or "")) == (capability >= (10, 0)), gpu.name
        elif gpu.vendor == "amd":
            assert capability is None, gpu.name
            assert re.fullmatch(r"gfx[0-9a-f]{3,4}", gpu.architecture or ""), gpu.name


def test_dense_rates_are_the_advertised_ones_without_sparsity() -> None:
    """NVIDIA's AI TOPS are the fastest format with sparsity: twice our dense FP4 (RTX 50) or INT8 (RTX 40) rate."""
    tried = 0
    for gpu in GPUS:
        fastest = gpu.fp4_flops_per_second or gpu.int8_ops_per_second
        if gpu.ai_tops is not None and fastest is not None:
            assert gpu.ai_tops * 1e12 == pytest.approx(2 * fastest, rel=0.01), gpu.name
            tried += 1
    assert tried >= 6


def test_links_are_of_the_board() -> None:
    """PCIe runs at its generation's speed; a bridge joins boards that sit on PCIe; GeForce has no peers since Ada."""
    for gpu in GPUS:
        if (gpu.link_type or "").startswith("PCIe") and gpu.pcie_generation and gpu.pcie_lanes:
            per_lane = {3: 1e9, 4: 2e9, 5: 4e9}[gpu.pcie_generation]
            assert gpu.link_bytes_per_second == per_lane * gpu.pcie_lanes, gpu.name
        if gpu.nvlink_bridge_bytes_per_second is not None:
            assert gpu.pcie_lanes == 16, gpu.name
        is_geforce = any("GeForce RTX 40" in name or "GeForce RTX 50" in name for name in gpu.driver_names)
        assert gpu.peer_to_peer is not True or not is_geforce, gpu.name


def test_each_file_has_the_rows_of_its_kind() -> None:
    """A GPU stands once, and in one file."""
    names = [
        row["name"]
        for file in (PACKAGE_FOLDER / "gpus").glob("*.toml")
        for row in tomllib.loads(file.read_text("utf-8"))["card"]
    ]
    assert len(names) == len(set(names)) == len(GPUS)
