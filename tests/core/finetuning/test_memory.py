"""The memory of fine-tuning against published measurements, and what docs/finetuning.md says of it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest
from finetuning_runs import SHAPES, Measured, measured

from vllm_costmeter.core.finetuning import memory
from vllm_costmeter.core.finetuning.memory import finetuning_bytes
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.shape import Shape
from vllm_costmeter.core.finetuning.verdict import MARGINS, margin

DOCS = Path(__file__).parents[3] / "docs" / "finetuning.md"
ROWS = measured()
SOURCES = sorted({row.source for row in ROWS})
INTERNLM2_20B = Shape(48, 6144, 48, 8, 128, 16384, 92544)
LLAMA_3_70B = Shape(80, 8192, 64, 8, 128, 28672, 128256)


def errors(rows: Sequence[Measured]) -> list[float]:
    """Estimate over measurement, less 1."""
    return [finetuning_bytes(row.run).peak / row.peak - 1 for row in rows]


def held_out(source: str, patch: pytest.MonkeyPatch) -> list[float]:
    """The errors over a source with the two fitted constants fitted to all others."""
    rest = [row for row in ROWS if row.source != source]
    grid = [(context / 5 * 1e9, slack / 100) for context in range(8) for slack in range(11)]

    def with_constants(rows: Sequence[Measured], constants: tuple[float, float]) -> list[float]:
        patch.setattr(memory, "CONTEXT", constants[0])
        patch.setattr(memory, "SLACK", constants[1])
        return errors(rows)

    best = min(grid, key=lambda each: statistics.median(map(abs, with_constants(rest, each))))
    return with_constants([row for row in ROWS if row.source == source], best)


def written(name: str, found: Sequence[float], unseen: Sequence[float]) -> str:
    """One row of the page's table."""
    middle, size, largest = statistics.median(found), statistics.median(map(abs, found)), max(found, key=abs)
    held = statistics.median(map(abs, unseen))
    return f"| {name} | {len(found)} | {middle:+.1%} | {size:.1%} | {largest:+.0%} | {held:.1%} |"


def test_the_page_has_the_errors_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """By source and over all, fitted and held out."""
    fitted = {source: errors([row for row in ROWS if row.source == source]) for source in SOURCES}
    everything = errors(ROWS)
    unseen = {source: held_out(source, monkeypatch) for source in SOURCES}
    table = [written(source, fitted[source], unseen[source]) for source in SOURCES]
    table.append(written("all", everything, [each for one in unseen.values() for each in one]))
    page = DOCS.read_text()
    assert [row for row in table if row not in page] == []


def test_the_median_error_is_within_a_tenth() -> None:
    """Over all published runs."""
    assert statistics.median(map(abs, errors(ROWS))) < 0.10


@pytest.mark.parametrize("kind", MARGINS)
def test_the_margin_covers_every_run_of_its_kind(kind: str) -> None:
    """`fits` is not said of a run that was measured above the GPU's memory."""
    found = [
        row for row in ROWS if kind in (row.run.framework.split()[0], "several GPUs" * (row.run.gpus > 1))
    ]
    assert max(row.peak / (finetuning_bytes(row.run).peak * margin(row.run)) for row in found) <= 1
    alone = [row for row in found if (row.run.gpus > 1) == (kind == "several GPUs")]
    needed = max(1 / (1 + error) for error in errors(alone))
    assert MARGINS[kind] - 0.02 < needed <= MARGINS[kind]


@pytest.mark.parametrize(
    ("run", "claim"),
    [
        (Run(INTERNLM2_20B, "qlora", weights="nf4-dq"), "InternLM2 20B"),
        (Run(SHAPES["Llama-2-13B"], "lora", sequence_length=512), "Llama 2 13B"),
        (Run(SHAPES["Llama-3.2-3B"], "full"), "Llama 3.2 3B"),
        (Run(SHAPES["Llama-3.2-3B"], "full", optimizer="adamw_8bit"), "adamw_8bit`, 2,048"),
        (Run(LLAMA_3_70B, "lora"), "one H100"),
        (Run(LLAMA_3_70B, "lora", zero=3, gpus=8), "8x RTX 4090"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_page_answers_the_claims_with_the_models_figures(run: Run, claim: str) -> None:
    """Each peak stands on the line of its claim."""
    lines = [line for line in DOCS.read_text().splitlines() if claim in line]
    peak = f"{finetuning_bytes(run).peak / 1e9:.1f} GB"
    assert any(re.search(rf"(?<![\d.]){re.escape(peak)}", line) for line in lines), (peak, lines)


def test_zero_divides_more_at_each_stage() -> None:
    """States, then gradients, then weights."""
    stages = [
        finetuning_bytes(
            Run(SHAPES["Llama-3.1-8B"], "full", precision="deepspeed", in_half=True, zero=stage, gpus=8)
        )
        for stage in (1, 2, 3)
    ]
    assert [round(stages[0].states / each.states) for each in stages] == [1, 1, 1]
    assert [round(stages[0].gradients / each.gradients) for each in stages] == [1, 8, 8]
    assert [round(stages[0].weights / each.weights) for each in stages] == [1, 1, 8]


@pytest.mark.parametrize("gpus", [1, 2, 8, 64])
def test_zero_two_is_deepspeeds_own_estimate(gpus: int) -> None:
    """DeepSpeed 0.19.8, runtime/zero/stage_1_and_2.py, estimate_zero2_model_states_mem_needs, nothing on the CPU:
    2 x parameters + 18 x parameters / GPUs."""
    run = Run(SHAPES["Llama-3.1-8B"], "full", precision="deepspeed", in_half=True, zero=2, gpus=gpus)
    parts, parameters = finetuning_bytes(run), run.shape.parameters
    theirs = 2 * parameters + 18 * parameters / gpus
    assert parts.weights + parts.gradients + parts.states == pytest.approx(theirs)


@pytest.mark.parametrize("gpus", [2, 8, 64])
def test_zero_three_is_deepspeeds_own_estimate_and_the_gradients(gpus: int) -> None:
    """DeepSpeed 0.19.8, runtime/zero/stage3.py, estimate_zero3_model_states_mem_needs: 18 x parameters / GPUs, which
    leaves out the 2 bytes of 16-bit gradients."""
    run = Run(SHAPES["Llama-3.1-8B"], "full", precision="deepspeed", in_half=True, zero=3, gpus=gpus)
    parts, parameters = finetuning_bytes(run), run.shape.parameters
    assert parts.weights + parts.gradients + parts.states == pytest.approx((18 + 2) * parameters / gpus)
