"""MXFP4 experts lie on each GPU as the kernel that vLLM chooses there wants them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import NEWEST, release_of
from vllm_costmeter.sources.model_config import read_model

MODELS = Path(__file__).parents[2] / "data" / "models"
GPT_OSS_20B = read_model(MODELS / "openai__gpt-oss-20b", "openai/gpt-oss-20b")
GPT_OSS_120B = read_model(MODELS / "openai__gpt-oss-120b", "openai/gpt-oss-120b")
GIB = 1 << 30
PADDED = {1: 14712782336, 2: 7618795520, 4: 3830957312, 8: 1937038208}
HOPPER = {1: 13794819584, 2: 7031724032, 4: 3650176256, 8: 1846500224}


@pytest.mark.parametrize("ways", [1, 2, 4, 8])
@pytest.mark.parametrize(
    ("capability", "by_ways"), [((8, 0), PADDED), ((9, 0), HOPPER), ((10, 0), PADDED), ((12, 1), PADDED)]
)
def test_experts_are_padded_as_vllm_pads_them_on_the_gpu(
    capability: tuple[int, int], by_ways: dict[int, int], ways: int
) -> None:
    """To the byte of what vLLM 0.32.0 builds on the meta device for a pretended GPU of each generation (2026-11)."""
    model = GPT_OSS_20B.on_gpu(KernelTarget(capability, release_of("0.32.0")))
    assert model.weights_bytes(EngineArgs(layout=ParallelConfig(ways))) == (by_ways[ways],)


def test_blackwell_padded_wider_before_0_27() -> None:
    """A share of 1440 is 1536 either way; 720 is 768 since, and 768 before; 360 is 384 since, and 512 before."""
    before, since = (
        GPT_OSS_20B.on_gpu(KernelTarget((10, 0), release_of(version))) for version in ("0.26.0", "0.27.0")
    )
    each = [
        (before.weights_bytes(engine_args)[0], since.weights_bytes(engine_args)[0])
        for engine_args in map(sliced, (2, 4, 8))
    ]
    assert [wide > narrow for wide, narrow in each] == [False, False, True]


def test_four_a100_hold_what_one_logged() -> None:
    """gpt-oss-120b at tensor parallelism 4: 17.2217 GiB in the log `dennislee-gptoss120b-tp4-a100-80-u08`."""
    model, engine_args = GPT_OSS_120B.on_gpu(KernelTarget((8, 0), release_of("0.17.1"))), sliced(4)
    parts = (
        model.weights_bytes(engine_args),
        model.converted_bytes(engine_args),
        model.allocator_slack_bytes(engine_args),
    )
    assert sum(part[0] for part in parts) == pytest.approx(17.2217 * GIB, rel=0.001)


def test_the_answer_is_the_gpus() -> None:
    """The same model and flags: heavier on an A100 than on an H100; a GPU of unknown capability counts as Hopper."""
    found = {
        capability: fit(
            GPT_OSS_20B,
            GpuGroup("a GPU", 80 * GIB, compute_capability=capability),
            EngineArgs(max_model_len=8192),
            NEWEST,
        ).per_gpu
        for capability in ((8, 0), (9, 0), None)
    }
    weights = {capability: use.weights_bytes for capability, use in found.items() if use is not None}
    assert weights == {(8, 0): PADDED[1], (9, 0): HOPPER[1], None: HOPPER[1]}


def sliced(ways: int) -> EngineArgs:
    return EngineArgs(layout=ParallelConfig(ways))
