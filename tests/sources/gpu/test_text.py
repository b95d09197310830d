"""The texts in which people name GPUs and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.gpu.text import LARGEST_COUNT, folded_name, split_count

NAMES = ["RTX 4090", "H100 SXM", "L4", "MI300X", "x1"]


@given(
    st.sampled_from(NAMES),
    st.integers(1, LARGEST_COUNT),
    st.sampled_from(["{n}:{c}", "{c}x {n}", "{n} x{c}", "{c} × {n}"]),
)
def test_a_count_survives_every_way_of_writing_it(name: str, count: int, form: str) -> None:
    """Name and count come back as they went in."""
    assert split_count(form.format(n=name, c=count)) == (name, count)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text gives a name and a sane count, or the one error that users see."""
    try:
        name, count = split_count(text)
    except BadInputError:
        return
    assert name == name.strip() != ""
    assert 1 <= count <= LARGEST_COUNT


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":2",
        "H100:0",
        "H100:-1",
        "H100:two",
        "H100:1.5",
        "H100:",
        "H100:8:8",
        "2x H100:2",
        "0x H100",
        "H100:99999",
        "H100:²",
    ],
)
def test_a_bad_count_is_refused(text: str) -> None:
    """Zero, negative, fractional, absurd, missing and doubled counts are errors that show the text."""
    with pytest.raises(BadInputError, match=r"GPU|count"):
        split_count(text)


def test_spelling_folds_away_makers_case_and_punctuation() -> None:
    """One GPU, one folded name."""
    spellings = ("NVIDIA-GeForce-RTX-4090", "nvidia geforce rtx_4090", "RTX 4090", "rtx4090")
    assert {folded_name(text) for text in spellings} == {"rtx4090"}
