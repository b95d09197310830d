"""What a person sees of a fit check."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from example_models import ADA, llama, not_understood
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.offers import RentalOffer
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.suggest import with_suggestions
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.outputs.check.explain import explanation
from vllm_costmeter.outputs.check.text import refusal_lines, render, write

GOLDEN = Path(__file__).parents[2] / "data" / "check"
RELEASE = release_of("0.33.0")
PLAN = EngineArgs()
H200 = RentalOffer(GpuGroup("H200 SXM", 150_109_107_814, compute_capability=(9, 0)), 3.5)


def refused() -> Fit:
    """An 8B with its default context on a 4090."""
    return with_suggestions(fit(llama(), ADA, PLAN, RELEASE), llama(), ADA, PLAN, offers=[H200])


def served() -> Fit:
    """The same with a context that fits."""
    return fit(llama(), ADA, replace(PLAN, max_model_len=8192), RELEASE)


REFUSED = refused()


@pytest.mark.parametrize(("name", "result"), [("refused", REFUSED), ("fits", served())])
def test_the_picture_of_the_gpu(name: str, result: Fit) -> None:
    """A bar, the parts in GiB, the verdict, what to change: as in the golden file."""
    file = GOLDEN / f"{name}.txt"
    assert "\n".join(render(result)) + "\n" == file.read_text()


@given(st.integers(0, 300))
def test_the_bar_is_never_wider_than_the_terminal(width: int) -> None:
    """Down to 40 columns; wide terminals get 78."""
    bar = next(line for line in render(REFUSED, width=width) if line.startswith("["))
    assert len(bar) <= max(40, min(width, 78))


@pytest.mark.parametrize("width", [40, 60, 80, 86])
def test_no_row_is_broken_by_the_terminal(width: int) -> None:
    """What does not fit beside goes below, in a usual terminal of 80 columns too; flags to paste stay whole."""
    assert max(map(len, render(REFUSED))) > 80
    for line in [*render(REFUSED, width=width), *explanation(REFUSED, width)]:
        assert len(line) <= width or (line.startswith("  --") and "(up to" not in line)


def test_a_narrow_terminal_gets_remarks_below_their_rows() -> None:
    """Of 40 columns only a flag to paste, which is never cut, takes more."""
    lines = render(REFUSED, width=40)
    assert all(len(line) <= 40 for line in lines if "--" not in line)
    assert lines[lines.index("  --max-model-len 33424") + 1] == "      (up to 33,424 tokens)"


def test_a_terminal_without_unicode_gets_letters() -> None:
    """Every part keeps a mark of its own."""
    lines = render(served(), plain=True)
    assert "\n".join(lines).isascii()


def test_colour_is_for_terminals_only() -> None:
    """A pipe, and NO_COLOR, get plain text."""

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    pipe, terminal, plain = io.StringIO(), Terminal(), Terminal()
    write(served(), pipe, {})
    write(served(), terminal, {}, width=78)
    write(served(), plain, {"NO_COLOR": "1"}, width=78)
    assert "\x1b[" not in pipe.getvalue()
    assert "\x1b[1;32m" in terminal.getvalue()
    assert "\x1b[" not in plain.getvalue()


def test_an_unknown_answer_has_no_picture() -> None:
    """No bytes were computed, so none are drawn."""
    lines = render(fit(llama(fault=not_understood()), ADA, PLAN, RELEASE))
    assert not any(line.startswith("[") for line in lines)
    assert lines[0].startswith("unknown: ")


def test_a_servers_log_says_need_have_and_remedy() -> None:
    """What was needed, what there is, and first the length that fits."""
    lines = refusal_lines(refused())
    assert lines[0].startswith(
        "refused: 131,072 tokens of context need 16.00 GiB of KV cache; 5.24 GiB (at most 5.85)"
    )
    assert lines[1].startswith("per GPU: budget 21.75 GiB = weights 14.96 GiB")
    assert lines[2].startswith("try --max-model-len ")
    assert lines[-1] == "try H200 SXM  (up to 131,072 tokens, $3.50/h)"  # vllm serve has no flag for the GPU
    assert not any("--gpu " in line for line in lines)


def test_a_log_of_a_fit_is_one_line() -> None:
    """Nothing to say but that it fits."""
    assert refusal_lines(served()) == ["fits: 8,192 tokens of context on RTX 4090"]


def test_the_answer_shows_the_range_on_which_its_advice_rests() -> None:
    """The usual estimate heads the picture, a verdict and the longest length rest on the low end: both are shown."""
    facts = REFUSED.kv_cache
    assert facts is not None
    low, high = facts.tokens_range
    assert REFUSED.max_model_len_that_fits is not None
    first = REFUSED.first_start
    assert first is not None
    assert 0 <= first.kv_cache.tokens_range[0] - REFUSED.max_model_len_that_fits <= 16
    assert low < facts.tokens < high
    assert any(f"{facts.tokens:,} tok   {low:,} to {high:,}" in line for line in render(REFUSED))


def test_an_amount_explained_is_an_amount_in_gib() -> None:
    """Every byte count has separators, and its GiB behind it."""
    lines = explanation(REFUSED)
    assert any("23,352,596," in line and "21.75 GiB" in line for line in lines)


def test_several_gpus_are_named_as_several() -> None:
    """`2 x RTX 4090` in the title."""
    engine_args = replace(PLAN, max_model_len=4096, layout=ParallelConfig(tensor_parallel_size=2))
    assert "2 x RTX 4090" in " ".join(render(fit(llama(), replace(ADA, count=2), engine_args, RELEASE)))


def test_a_release_that_nobody_stated_is_said_to_be_assumed() -> None:
    """No vLLM is installed and none is named: the newest known rules, and the title says so."""
    verdict, _, title, *_ = render(fit(llama(), ADA, replace(PLAN, max_model_len=4096), release_of(None)))
    assert "vLLM 0.33.0 (assumed)" in title
    assert "(assumed)" not in verdict
    assert "(assumed)" not in "".join(render(served()))


def test_notes_are_shown() -> None:
    """A version outside the table is not hidden."""
    lines = render(fit(llama(), ADA, replace(PLAN, max_model_len=4096), release_of("0.99.0")))
    assert any("newer than the newest known" in line for line in lines)
