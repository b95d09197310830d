"""Cells of the table of what fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from example_models import ADA, GIB, bad_input, llama, not_understood

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.matrix import Cell, cell, exit_code, layouts
from vllm_costmeter.core.fit.result import EXIT_CODES
from vllm_costmeter.core.model.precision import FP8, Q4, SIXTEEN_BIT, precision, requantized
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.sources.models.local import local_model
from vllm_costmeter.sources.models.packaged import named_model

MODELS = Path(__file__).resolve().parents[2] / "data" / "models"


def test_a_model_that_holds_the_asked_context_fits() -> None:
    """8B in 16 bits on a 4090: 8,192 tokens fit; 100,000 are refused, and the cell says how many do fit."""
    assert cell(llama(), ADA, NEWEST, name="m", quantization="16-bit").verdict == "fits"
    long = cell(llama(), ADA, NEWEST, name="m", quantization="16-bit", tokens=100_000)
    assert (long.verdict, long.asked_tokens, exit_code([long])) == ("refused", 100_000, 1)
    assert long.longest_tokens is not None
    assert 8192 < long.longest_tokens < 100_000


@pytest.mark.parametrize("tokens", [1024, 8192, 34_432, 100_000, 131_072, 200_000])
@pytest.mark.parametrize("billions", [1.0, 8.0, 9.5, 20.0, 60.0])
def test_a_cell_is_what_check_says_of_the_asked_length(tokens: int, billions: float) -> None:
    """Verdict and exit code are those of a fit with that --max-model-len; the longest length is beside them."""
    model = llama(billions)
    answer = fit(model, ADA, EngineArgs(max_model_len=tokens), NEWEST)
    found = cell(model, ADA, NEWEST, name="m", quantization="", tokens=tokens)
    assert (found.verdict, found.longest_tokens) == (answer.verdict, answer.max_model_len_that_fits)
    assert exit_code([found]) == EXIT_CODES[answer.verdict]


def test_a_table_exits_as_its_best_cell() -> None:
    """One that fits is an answer; none that fits is 1, or 3 while one is not understood."""
    fits, no = (cell(llama(size), ADA, NEWEST, name="m", quantization="") for size in (8.0, 60.0))
    unknown = cell(llama(fault=not_understood()), ADA, NEWEST, name="m", quantization="")
    assert [exit_code(cells) for cells in ([fits, no, unknown], [no, unknown], [no], [unknown])] == [
        0,
        3,
        1,
        3,
    ]


def test_the_best_layout_of_several_gpus_counts() -> None:
    """What tensor parallelism over all GPUs refuses, fewer with pipeline stages may hold."""
    assert [(each.tensor_parallel_size, each.pipeline_parallel_size) for each in layouts(4)] == [
        (4, 1),
        (2, 2),
        (1, 4),
    ]
    _, model = named_model("Llama 2 13B")
    found = cell(requantized(model, Q4), replace(ADA, count=8), NEWEST, name="m", quantization=Q4)
    assert (found.verdict, found.tensor_parallel_size) == (
        "fits",
        4,
    )  # 13824 / 8 is no multiple of the group of 128


def test_a_model_that_is_not_understood_is_unknown() -> None:
    """Never a guess."""
    found = cell(llama(fault=not_understood()), ADA, NEWEST, name="m", quantization="")
    assert (found.verdict, found.tensor_parallel_size, found.pipeline_parallel_size) == ("unknown", 1, 1)


def test_q4_is_a_quarter_and_fp8_a_half() -> None:
    """Of the linear layers (a 4-bit group of 128 carries 16 + 4 bits beside); embedding and head stay as they are."""
    _, model = named_model("Llama 3.3 70B")
    sixteen, eight, four = (
        requantized(model, each).weights_bytes(EngineArgs())[0] / sum(model.weights_bytes(EngineArgs()))
        for each in (SIXTEEN_BIT, FP8, Q4)
    )
    assert (sixteen, round(eight, 2), round(four, 2)) == (1.0, 0.52, 0.28)


def test_a_quantized_checkpoint_is_not_quantized_again() -> None:
    """Nobody can say what it was before."""
    with pytest.raises(BadInputError, match="published in fp8"):
        requantized(llama(quantization="fp8"), Q4)
    with pytest.raises(BadInputError, match="nearest: fp8"):
        precision("fp88")


def test_a_model_that_no_layout_divides_is_refused_on_one_gpu() -> None:
    """Nothing was tried that would have another layout."""
    found = cell(llama(fault=bad_input()), ADA, NEWEST, name="m", quantization="")
    assert (found.verdict, found.reason, found.tensor_parallel_size) == ("refused", "parallel_layout", 1)


def test_a_cell_that_fits_has_no_message_and_any_other_says_why() -> None:
    """The message of a fit repeats the cell."""
    fits, no = (cell(llama(size), ADA, NEWEST, name="m", quantization="") for size in (8.0, 60.0))
    assert (fits.verdict, fits.message) == ("fits", "")
    assert no.verdict == "refused"
    assert "weights" in no.message


def test_a_cell_asks_for_a_working_context_unless_the_models_own_is_shorter() -> None:
    """8,192 tokens, or what was asked for; also where nothing is known of the model."""
    lengths = {
        8192: cell(llama(), ADA, NEWEST, name="m", quantization="q"),
        2048: cell(llama(max_model_len=2048), ADA, NEWEST, name="m", quantization="q"),
        100: cell(llama(), ADA, NEWEST, name="m", quantization="q", tokens=100),
    }
    assert [each.asked_tokens for each in lengths.values()] == list(lengths)
    assert {each.verdict for each in lengths.values()} == {"fits"}
    blank = llama(not_understood="no rules")
    unknown = [cell(blank, ADA, NEWEST, name="m", quantization="q", tokens=each) for each in (None, 100)]
    assert unknown == [
        Cell("m", "q", "RTX 4090", "unknown", asked, None, message="no rules") for asked in (8192, 100)
    ]


def test_a_cell_names_its_gpus_its_layout_and_its_reason() -> None:
    """Nothing is said beside what fits; a refusal of every layout holds no token."""
    two = cell(llama(), replace(ADA, count=2), NEWEST, name="m", quantization="q", tokens=131_072)
    assert two == Cell("m", "q", "2x RTX 4090", "fits", 131_072, 131_072, tensor_parallel_size=2)
    heavy = cell(llama(200.0), replace(ADA, count=2), NEWEST, name="m", quantization="q")
    assert (heavy.reason, heavy.longest_tokens, heavy.max_num_seqs_that_fits) == ("weights", 0, None)
    fault = cell(llama(fault=bad_input()), ADA, NEWEST, name="m", quantization="q")
    assert fault == Cell(
        "m",
        "q",
        "RTX 4090",
        "refused",
        8192,
        0,
        reason="parallel_layout",
        message="3 ranks do not divide 32 layers",
    )


@pytest.mark.parametrize("gib", [30.0, 36.0])
def test_of_layouts_with_one_verdict_that_of_the_longest_context_is_shown(gib: float) -> None:
    """Where no layout serves what was asked for."""
    gpus, asked = replace(ADA, count=2), 131_072
    answers = {
        layout: fit(llama(gib), gpus, EngineArgs(layout=layout, max_model_len=asked), NEWEST)
        for layout in layouts(2)
    }
    longest = {layout: each.max_model_len_that_fits or 0 for layout, each in answers.items()}
    assert {each.verdict for each in answers.values()} == {"refused"}
    assert len(set(longest.values())) == 2
    found = cell(llama(gib), gpus, NEWEST, name="m", quantization="", tokens=asked)
    best = max(longest, key=lambda layout: longest[layout])
    assert (found.longest_tokens, found.tensor_parallel_size) == (longest[best], best.tensor_parallel_size)
    assert found.pipeline_parallel_size == best.pipeline_parallel_size


def test_a_cell_that_only_lacks_blocks_for_its_requests_says_how_many_fit() -> None:
    """The largest --max-num-seqs, in the message and beside it; the refusal stays."""
    hybrid = local_model(MODELS / "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16")
    gpu = replace(ADA, name="H100 SXM", memory_bytes=round(79.19 * GIB), compute_capability=(9, 0))
    found = cell(hybrid, gpu, NEWEST, name="m", quantization="")
    seqs = found.max_num_seqs_that_fits
    assert (found.verdict, found.reason) == ("refused", "max_num_seqs")
    assert seqs is not None
    assert found.message.endswith(f"; it fits with --max-num-seqs {seqs}")
    asked = EngineArgs(max_model_len=8192, max_num_seqs=seqs)
    assert fit(hybrid, gpu, asked, NEWEST).verdict == "fits"
    assert fit(hybrid, gpu, replace(asked, max_num_seqs=seqs + 1), NEWEST).verdict != "fits"
