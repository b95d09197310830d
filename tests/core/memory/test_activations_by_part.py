"""Each part of the activation peak and of its range, to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from activation_peaks import H100, peak, sized

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.memory.activations import _moe_workspace_bytes
from vllm_costmeter.core.memory.byte_range import gib
from vllm_costmeter.core.memory.layer_peak import workload
from vllm_costmeter.core.model.model import ImageTower, Model
from vllm_costmeter.core.release import release_of

TEXT = sized(1024, 32_000)
LOGITS = 256 * 32_000
HIDDEN = 2 * 2048 * 1024
"""One vector of 16 bits per token."""
LAYER = 2 * 2048 * (2 * 1024 + 2 * (32 + 8) * 128)
"""Residual and input, and q, k and v of 32 + 8 heads of 128, twice: 50,331,648."""
LAYER_LEAST, LAYER_MOST = 40_265_318, 70_464_307  # 0.8 and 1.4 times
ROWS = 132 * 4 * 32_000
STATE = 33_792_000
"""4 1/8 bytes for each of 256 x 32,000 logits."""
EXPERTS = {"moe_intermediate_size": 512, "num_experts": 8, "num_experts_per_token": 4}
WORKSPACE = 2 * 2048 * 4 * (1024 + 1024)

Ends = tuple[int, int, int]


def ends(model: Model, version: str, last: bool = True, **flags: Any) -> Ends:
    """(low, usual, high) with 256 sequences and 2048 tokens."""
    found = peak(model, version, last, **{"max_num_seqs": 256, "max_num_batched_tokens": 2048, **flags})
    return found.low_bytes, found.bytes, found.high_bytes


@pytest.mark.parametrize(
    ("flags", "copies"),
    [({}, (13.6, 14, 14.4)), ({"speculative_config": {"method": "mtp"}}, (21.6, 26, 28.4))],
)
def test_the_first_runners_sampler(flags: dict[str, Any], copies: tuple[float, float, float]) -> None:
    """0.19: logits of 16 bits and 2.9 to 3.1 copies of 32, with drafts 2 to 3.5 more; kept rows; 0.05 GiB, and 0.15
    more at most."""
    low, usual, high = (round(each * LOGITS) + HIDDEN for each in copies)
    assert ends(TEXT, "0.19.0", **flags) == (low + gib(0.05), usual + ROWS + gib(0.05), high + gib(0.15))


def test_the_second_runners_sampler_and_its_state() -> None:
    """0.27: 0 to 2 copies and 4 1/8 bytes of state per logit; the layer is larger than the least of the sampler."""
    usual, high = 6 * LOGITS + HIDDEN, 10 * LOGITS + HIDDEN
    assert ends(TEXT, "0.27.0") == (
        LAYER_LEAST + STATE + gib(0.05),
        usual + STATE + gib(0.12),
        high + round(1.1 * STATE) + gib(0.25),
    )


def test_without_a_sampler_the_layer_is_the_peak() -> None:
    """Of a pooling model: no state, no rows."""
    model = replace(TEXT, is_pooling=True)
    expected = (LAYER_LEAST + gib(0.05), LAYER + gib(0.12), LAYER_MOST + gib(0.25))
    assert ends(model, "0.19.0") == ends(model, "0.33.0") == expected


def test_a_hybrids_range_reaches_further() -> None:
    """40 bytes per token and hidden value for the recurrence, and a quarter of a GiB: none of the starts was one."""
    low, usual, _ = ends(TEXT, "0.19.0")
    high = LAYER_MOST + 40 * 2048 * 1024 + gib(0.25)
    assert ends(replace(TEXT, is_hybrid=True), "0.19.0") == (low, usual, high)


def test_what_is_held_counts_half_at_least_and_a_tenth_more_at_most() -> None:
    """The experts' workspaces in 0.33 (1 to 3 copies); the state is certain."""
    model = replace(TEXT, sizes=replace(TEXT.sizes, **EXPERTS), is_moe=True)
    low, usual, high = 6 * LOGITS + HIDDEN, 10 * LOGITS + HIDDEN, 14 * LOGITS + HIDDEN
    held = STATE + WORKSPACE
    assert ends(model, "0.33.0") == (
        low + STATE + WORKSPACE // 2 + gib(0.05),
        usual + held + gib(0.12),
        high + round(1.1 * held) + gib(0.25),
    )


def test_values_kept_per_token_are_certain_too() -> None:
    """As the state is: 100 values of 16 bits for each of 2048 tokens."""
    low, usual, high = ends(TEXT, "0.19.0")
    kept = 2 * 2048 * 100
    found = ends(replace(TEXT, kept_values_per_token=100), "0.19.0")
    assert found == (low + kept, usual + kept, high + round(1.1 * kept))


def test_a_pipeline_rank_sends_two_vectors_per_token_and_the_last_one_none() -> None:
    """The hidden state and the residual."""
    two = ParallelConfig(pipeline_parallel_size=2)
    sent = 2 * HIDDEN
    assert ends(TEXT, "0.19.0", False, layout=two) == (
        LAYER_LEAST + sent // 2 + gib(0.05),
        LAYER + sent + gib(0.12),
        LAYER_MOST + round(1.1 * sent) + gib(0.25),
    )
    assert ends(TEXT, "0.19.0", True, layout=two) == ends(TEXT, "0.19.0")


@pytest.mark.parametrize(
    ("version", "received"), [("0.19.0", 1), ("0.25.1", 0), ("0.26.0", 0), ("0.27.0", 1), ("0.33.0", 1)]
)
def test_ranks_behind_the_first_keep_what_they_receive(version: str, received: int) -> None:
    """Two vectors per token, the last rank too; the second runner's are counted from 0.27 on."""
    for last in (False, True):
        behind, first = (ends(TEXT, version, last, first=first)[1] for first in (False, True))
        assert behind - first == received * 2 * HIDDEN


@pytest.mark.parametrize(
    ("version", "layout", "backend", "rows", "inner"),
    [
        ("0.24.0", {}, None, (1, 1, 1), 512),
        ("0.24.0", {"data_parallel_size": 4}, None, (1, 4, 4), 128),
        ("0.24.0", {"data_parallel_size": 4, "tensor_parallel_size": 2}, None, (1, 4, 4), 64),
        ("0.24.0", {"data_parallel_size": 4, "enable_expert_parallel": True}, None, (1, 4, 4), 512),
        ("0.33.0", {"data_parallel_size": 4, "enable_expert_parallel": True}, None, (1, 4, 4), 512),
        (
            "0.33.0",
            {"data_parallel_size": 4, "enable_expert_parallel": True},
            "deepep_high_throughput",
            (1, 1, 4),
            512,
        ),
        ("0.33.0", {"data_parallel_size": 4}, "deepep_high_throughput", (1, 4, 4), 128),
        ("0.17.0", {"data_parallel_size": 16}, None, (1, 8, 8), 32),
        ("0.18.0", {"data_parallel_size": 16}, None, (1, 16, 16), 32),
    ],
)
def test_experts_see_the_tokens_of_all_copies(
    version: str, layout: dict[str, Any], backend: str | None, rows: tuple[int, int, int], inner: int
) -> None:
    """In the workspaces (least, usual, most), and as vectors before and after them; 0.17 takes at most 16,384 tokens at
    once, eight copies' here."""
    model = replace(TEXT, sizes=replace(TEXT.sizes, **EXPERTS), is_moe=True)
    flags = {"layout": ParallelConfig(**layout), **({"all2all_backend": backend} if backend else {})}
    copies = layout.get("data_parallel_size", 1)
    batch = {"max_num_seqs": 256, "max_num_batched_tokens": 2048}
    engine_args = EngineArgs(**batch, **flags)
    engine = resolve_engine(model, H100, engine_args, release_of(version))
    row = 2 * 2048 * 4 * (1024 + max(2 * inner, 1024))
    gathered = 2 * HIDDEN * copies if copies > 1 else 0
    work = workload(model, engine, is_last_rank=True)
    usual, least, most = _moe_workspace_bytes(model, engine, engine_args, work)
    assert least == row
    assert usual == row * rows[1] + (gathered if rows[1] > 1 else 0)
    assert most == row * rows[2] + gathered


@pytest.mark.parametrize(
    ("version", "method", "value_bytes"),
    [
        ("0.24.0", "probabilistic", 0),
        ("0.27.0", "probabilistic", 4),
        ("0.28.0", "probabilistic", 2),
        ("0.33.0", "probabilistic", 2),
        ("0.33.0", "greedy", 0),
    ],
)
def test_drafted_logits_are_kept_for_sampling_by_their_probability(
    version: str, method: str, value_bytes: int
) -> None:
    """Of three drafted tokens per sequence, by the second runner: float32 in 0.27, then the head's dtype."""
    asked = {"method": "eagle3", "num_speculative_tokens": 3}
    without = ends(TEXT, version, speculative_config=asked)
    found = ends(TEXT, version, speculative_config={**asked, "draft_sample_method": method})
    assert found[0] - without[0] == found[1] - without[1] == value_bytes * 3 * LOGITS


def test_the_high_end_is_no_less_than_the_peak() -> None:
    """Rows of a large vocabulary exceed the margin where one sequence runs: they are certain."""
    _, usual, high = ends(sized(64, 400_000), "0.19.0", max_num_seqs=1, max_num_batched_tokens=16)
    assert high == usual == 14 * 400_000 + 2 * 16 * 64 + 132 * 4 * 400_000 + gib(0.05)


def seeing() -> Model:
    """The text model with a tower; `test_image_peak` has its 1,821,900,800 bytes and at most 1,900,544,000."""
    tower = ImageTower(width=1000, output_width=2000, patch_size=10, mergers=3)
    return replace(TEXT, sizes=replace(TEXT.sizes, image_tower=tower), is_multimodal=True)


def test_an_image_is_encoded_before_the_text() -> None:
    """The larger of the two peaks counts; the state exists in both, the image's outputs beside the text alone."""
    outputs = 16_384 * 2000 * 2
    assert ends(seeing(), "0.27.0") == (
        LAYER_LEAST + STATE + outputs // 2 + gib(0.05),
        1_821_900_800 + STATE + gib(0.12),
        1_900_544_000 + STATE + gib(0.25),
    )


def test_an_image_of_no_known_size_is_held_beside_the_text() -> None:
    """A batch of outputs and 0.15 GiB, 2 GiB more at most; in 0.25 the second runner encodes none."""
    model = replace(TEXT, is_multimodal=True)
    low, usual, high = ends(TEXT, "0.19.0")
    held = HIDDEN + gib(0.15)
    assert ends(model, "0.19.0") == (low + round(held / 2), usual + held, high + round(1.1 * held) + gib(2))
    assert ends(model, "0.25.0") == ends(TEXT, "0.25.0")


@pytest.mark.parametrize(
    ("inner", "dense", "quantization", "layout", "width"),
    [
        (512, 0, None, ParallelConfig(), 1024 + 1024),
        (768, 0, None, ParallelConfig(), 1024 + 1536),
        (4096, 0, None, ParallelConfig(), 4096 + 8192),
        (4096, 0, None, ParallelConfig(2), 2048 + 4096),
        (4096, 0, None, ParallelConfig(2, enable_expert_parallel=True), 4096 + 8192),
        (0, 2048, None, ParallelConfig(), 2048 + 4096),
        (512, 4096, "fp8", ParallelConfig(), 1024 + 1024),
        (512, 0, "mxfp4", ParallelConfig(), 0),
        (512, 0, "gpt_oss_mxfp4", ParallelConfig(), 0),
    ],
)
def test_the_experts_workspaces(
    inner: int, dense: int, quantization: str | None, layout: ParallelConfig, width: int
) -> None:
    """max(inner, hidden) and max(2 inner, hidden) for each token and each of its four experts; MXFP4 has none. The
    inner size is the model's own where config.json states no other (Mixtral)."""
    model = replace(sized(1024, 32_000, dense), quantization=quantization)
    sizes = replace(model.sizes, **{**EXPERTS, "moe_intermediate_size": inner})
    _, alone, _ = ends(model, "0.19.0", layout=layout)
    _, with_experts, _ = ends(replace(model, sizes=sizes, is_moe=True), "0.19.0", layout=layout)
    assert with_experts - alone == 2 * 2048 * 4 * width
