"""Full CUDA graphs of recurrent layers and the blocks they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vllm_costmeter.api import check
from vllm_costmeter.core.fit.result import Fit

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


def test_drafted_tokens_need_the_blocks_too_unless_the_backend_is_not_known() -> None:
    """Gated delta nets verify drafted tokens in full graphs; with an fp8 cache, FlashInfer may serve without them."""
    drafted = {"method": "mtp", "num_speculative_tokens": 1}
    flags = {"tensor_parallel_size": 4, "vllm_version": "0.28.0", "speculative_config": drafted}
    assert judged(QWEN_HYBRID, "H100 SXM:4", max_num_seqs=1024, **flags).reason == "max_num_seqs"
    unsure = judged(QWEN_HYBRID, "RTX PRO 6000:4", max_num_seqs=1024, kv_cache_dtype="fp8", **flags)
    assert (unsure.verdict, unsure.reason) in {("tight", "max_num_seqs"), ("fits", None)}


@pytest.mark.parametrize("model", [NEMOTRON, DENSE])
def test_the_most_requests_are_named_for_every_model(model: Path) -> None:
    """The largest --max-num-seqs starts and the next one does not, or is above the batch."""
    most = judged(model, max_num_seqs=8, max_num_batched_tokens=4096).max_num_seqs_that_fits
    assert most is not None
    assert 8 <= most <= 4096
    assert judged(model, max_num_seqs=most, max_num_batched_tokens=4096).verdict == "fits"
    if most < 4096:
        assert judged(model, max_num_seqs=most + 1, max_num_batched_tokens=4096).verdict != "fits"
