"""Full CUDA graphs of recurrent layers and the blocks they need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.kv_cache import kv_cache, kv_rules
from vllm_costmeter.core.kv_cache.graph_blocks import BlocksNeeded, blocks_needed
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.model_config import model_from_config

MODELS = Path(__file__).parents[2] / "data" / "models"
NEMOTRON = MODELS / "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"
QWEN_HYBRID = MODELS / "Qwen__Qwen3.5-122B-A10B"
DENSE = MODELS / "Qwen__Qwen3-32B"


def judged(model: Path = NEMOTRON, gpu: str = "H100 SXM", **flags: Any) -> Fit:
    """One check at a length that leaves room for hundreds of sequences."""
    return check(str(model), gpu, **{"max_model_len": 8192, "vllm_version": "0.33.0", **flags})


@pytest.mark.parametrize("release", ["0.20.0", "0.23.0", "0.25.1", "0.28.0", "0.33.0"])
def test_a_hybrid_with_more_requests_than_blocks_is_refused(release: str) -> None:
    """The default of 1024 requests on 80 GiB, as vLLM 0.20 and newer stop it."""
    result = judged(vllm_version=release)
    assert (result.verdict, result.reason, result.exit_code()) == ("refused", "max_num_seqs", 1)
    assert "--max-num-seqs 1024 (the default)" in result.message


@pytest.mark.parametrize("release", ["0.18.0", "0.19.1"])
def test_two_releases_capture_fewer_batches_instead(release: str) -> None:
    """0.18 and 0.19 cap the captured batches at the blocks and start."""
    assert judged(vllm_version=release).verdict == "fits"


def test_a_start_close_to_its_blocks_is_tight() -> None:
    """Within 8 % of the low end, because one logged start had that many fewer than predicted; a stated pool has no
    margin."""
    blocks = judged(max_num_seqs=1)
    most = blocks.max_num_seqs_that_fits
    assert most is not None
    close = judged(max_num_seqs=most + 20)
    assert (close.verdict, close.reason) == ("tight", "max_num_seqs")
    assert "a start may have 8% fewer" in close.message
    stated = judged(max_num_seqs=64, kv_cache_memory_bytes=4 << 30)
    assert stated.kv_cache is not None
    assert stated.verdict == "fits"


def test_the_first_suggestion_is_the_most_requests_that_start() -> None:
    """The suggested --max-num-seqs fits, one more does not, and it is what the answer names as the most."""
    refused = judged()
    suggested = refused.suggestions[0].change
    most = suggested["max_num_seqs"]
    assert suggested == {"max_num_seqs": most}
    assert refused.max_num_seqs_that_fits == most
    assert judged(max_num_seqs=most).verdict == "fits"
    assert judged(max_num_seqs=most + 1).verdict != "fits"


@pytest.mark.parametrize(
    "flags",
    [
        {"enforce_eager": True},
        {"cudagraph_capture_sizes": []},
        {"max_num_seqs": 64},
    ],
)
def test_without_full_graphs_or_with_few_requests_nothing_is_refused(flags: dict[str, Any]) -> None:
    """The rule is about captured decode steps alone."""
    assert judged(**flags).verdict == "fits"


def test_a_model_without_recurrent_layers_needs_no_blocks_for_graphs() -> None:
    """A dense model on the same GPU, whose pool has fewer blocks than requests may run."""
    result = judged(DENSE, max_num_seqs=2048, max_num_batched_tokens=4096)
    assert result.reason != "max_num_seqs"


MTP = {"method": "mtp", "num_speculative_tokens": 1}


def test_drafted_tokens_need_the_blocks_too() -> None:
    """Gated delta nets and FlashAttention verify drafted tokens in full graphs."""
    flags = {"tensor_parallel_size": 4, "vllm_version": "0.28.0", "speculative_config": MTP}
    result = judged(QWEN_HYBRID, "H100 SXM:4", max_num_seqs=2048, **flags)
    assert (result.verdict, result.reason) == ("refused", "max_num_seqs")


@pytest.mark.parametrize(
    ("kv_cache_dtype", "capability", "speculative_config", "is_certain"),
    [
        ("fp8", (12, 0), MTP, False),
        ("fp8_e4m3", (8, 9), MTP, False),
        ("fp8", (9, 0), MTP, True),
        ("auto", (12, 0), MTP, True),
        ("fp8", (12, 0), None, True),
    ],
)
def test_it_is_not_certain_where_flashinfer_may_verify_drafted_tokens(
    kv_cache_dtype: str,
    capability: tuple[int, int],
    speculative_config: dict[str, Any] | None,
    is_certain: bool,
) -> None:
    """With an fp8 cache outside Hopper, whose backend may have piecewise graphs alone: tight, and never refused."""
    config = json.loads((QWEN_HYBRID / "config.json").read_text())
    attention = model_from_config(config, "m").attention
    cache = kv_cache(attention, EngineArgs(), kv_rules(release_of("0.28.0")), max_num_batched_tokens=2048)
    needed = blocks_needed(
        cache,
        attention,
        max_num_seqs=256,
        max_capture_size=512,
        cudagraph_mode=None,
        speculative_config=speculative_config,
        kv_cache_dtype=kv_cache_dtype,
        compute_capability=capability,
    )
    assert needed == BlocksNeeded(256, is_certain)


def test_the_checkpoint_s_own_fp8_cache_counts_too() -> None:
    """NVIDIA's NVFP4 checkpoints store an fp8 cache under `auto`: with MTP on an RTX 5090 nothing is refused for its
    blocks."""
    wild = MODELS.parent / "wild" / "models" / "Qwen3.6-27B-NVFP4"
    flags = {"max_num_seqs": 600, "max_num_batched_tokens": 2048, "vllm_version": "0.24.0"}
    assert judged(wild, "RTX 5090", **flags).reason == "max_num_seqs"
    assert judged(wild, "RTX 5090", **flags).verdict == "refused"
    drafted = judged(wild, "RTX 5090", speculative_config=MTP, **flags)
    assert drafted.engine_args.kv_cache_dtype == "auto"
    assert drafted.model.attention.kv_cache_dtype == "fp8_e4m3"
    assert (drafted.verdict, drafted.reason) == ("tight", "max_num_seqs")


@pytest.mark.parametrize("model", [NEMOTRON, DENSE])
def test_the_most_requests_are_named_for_every_model(model: Path) -> None:
    """The largest --max-num-seqs starts and the next one does not, or is above the batch."""
    most = judged(model, max_num_seqs=8, max_num_batched_tokens=4096).max_num_seqs_that_fits
    assert most is not None
    assert 8 <= most <= 4096
    assert judged(model, max_num_seqs=most, max_num_batched_tokens=4096).verdict == "fits"
    if most < 4096:
        assert judged(model, max_num_seqs=most + 1, max_num_batched_tokens=4096).verdict != "fits"


def test_a_stated_cache_dtype_goes_before_the_checkpoint_s_own() -> None:
    """In bfloat16 FlashAttention verifies drafted tokens: too few blocks are refused again."""
    wild = MODELS.parent / "wild" / "models" / "Qwen3.6-27B-NVFP4"
    flags = {"max_num_seqs": 600, "max_num_batched_tokens": 2048, "vllm_version": "0.24.0"}
    stated = judged(wild, "RTX 5090", speculative_config=MTP, kv_cache_dtype="bfloat16", **flags)
    assert (stated.verdict, stated.reason) == ("refused", "max_num_seqs")
    assert stated.max_model_len_that_fits == 0
