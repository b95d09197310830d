"""What compilation needs at the first start, to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from activation_peaks import sized
from example_models import ADA, GIB

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.memory.first_start import first_start_peak, first_start_residue
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

MODEL = sized(1024, 100)
"""A vocabulary of 100, which vLLM pads to 128 rows."""
SEEING = replace(MODEL, is_multimodal=True)
TABLE = 128 * 1024 * 2
BATCHES = 2 * 2048 * 1024 * 2
"""Two batches of 2048 hidden states of 16 bits."""
TWO = ParallelConfig(tensor_parallel_size=2)


def compiling(
    model: Model = MODEL, version: str = "0.33.0", first: bool = True, **flags: Any
) -> ByteRange | None:
    """The peak on one pipeline rank."""
    args = EngineArgs(**{"max_num_batched_tokens": 2048, "max_num_seqs": 8, **flags})
    release = release_of(version)
    engine = resolve_engine(model, ADA, args, release)
    return first_start_peak(model, engine, args, release.number, is_first_rank=first)


@pytest.mark.parametrize(
    ("model", "version", "first", "flags", "expected"),
    [
        (MODEL, "0.33.0", True, {}, TABLE + BATCHES),
        (MODEL, "0.17.0", True, {}, TABLE + BATCHES),
        (sized(1024, 128), "0.33.0", True, {}, TABLE + BATCHES),
        (sized(1024, 129), "0.33.0", True, {}, TABLE // 2 * 3 + BATCHES),
        (MODEL, "0.33.0", False, {}, BATCHES),
        (MODEL, "0.33.0", True, {"dtype": "float16"}, TABLE + BATCHES),
        (MODEL, "0.33.0", True, {"dtype": "float32"}, 2 * (TABLE + BATCHES)),
        (MODEL, "0.33.0", True, {"dtype": "float"}, 2 * (TABLE + BATCHES)),
        (MODEL, "0.28.0", True, {"layout": TWO}, TABLE // 2 + BATCHES),
        (MODEL, "0.29.0", True, {"layout": TWO}, BATCHES),
        (SEEING, "0.33.0", True, {}, BATCHES),
        (SEEING, "0.33.0", True, {"limit_mm_per_prompt": {"image": 1, "video": 0}}, BATCHES),
        (SEEING, "0.33.0", True, {"limit_mm_per_prompt": {"image": 0, "video": 0}}, TABLE + BATCHES),
        (SEEING, "0.33.0", True, {"language_model_only": True}, TABLE + BATCHES),
    ],
)
def test_compilation_holds_a_copy_of_the_table_and_two_batches(
    model: Model, version: str, first: bool, flags: dict[str, Any], expected: int
) -> None:
    """The table of the first rank, padded to 64 rows and split by tensor parallelism until 0.29; a graph that gets
    embeddings of images holds none. At most 0.1 GiB more."""
    found = compiling(model, version, first, **flags)
    assert found is not None
    ends = (found.low_bytes, found.bytes, found.high_bytes)
    assert ends == (expected, expected, expected + round(0.1 * GIB))


@pytest.mark.parametrize(("version", "flags"), [("0.16.0", {}), ("0.33.0", {"enforce_eager": True})])
def test_what_does_not_compile_has_no_peak(version: str, flags: dict[str, Any]) -> None:
    """Eager mode, and releases before 0.17."""
    assert compiling(version=version, **flags) is None


@pytest.mark.parametrize(
    ("version", "first", "table"),
    [
        ("0.26.0", True, 0),
        ("0.27.0", True, TABLE),
        ("0.30.0", True, TABLE),
        ("0.30.0", False, 0),
        ("0.31.0", True, 0),
    ],
)
@pytest.mark.parametrize(
    ("capability", "code_gib"), [((7, 5), 0.7), ((8, 0), 0.15), ((9, 0), 0.15), (None, 0.15)]
)
def test_the_copy_may_stay_from_0_27_to_0_30(
    version: str, first: bool, table: int, capability: tuple[int, int] | None, code_gib: float
) -> None:
    """None of it, usually half, or all; kernel code of up to 0.15 GiB beside it, 0.7 before Ampere."""
    gpu = GpuGroup("a GPU", 16 * GIB, compute_capability=capability)
    args, release = EngineArgs(), release_of(version)
    engine = resolve_engine(MODEL, gpu, args, release)
    found = first_start_residue(MODEL, engine, args, release.number, gpu, is_first_rank=first)
    ends = (found.low_bytes, found.bytes, found.high_bytes)
    assert ends == (0, table // 2, table + round(code_gib * GIB))
