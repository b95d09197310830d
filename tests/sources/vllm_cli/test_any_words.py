"""Whatever words stand behind `vllm serve`, they are read or refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vllm_costmeter.sources.vllm_cli.flag_table import flag_table
from vllm_costmeter.sources.vllm_cli.parse import ServeArgs, parse_serve_args
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError

NAMES = sorted(flag_table().at().by_name)
VALUES = (
    "",
    "1",
    "4k",
    "None",
    "{",
    '{"a": {"b": 1}}',
    "[1]",
    "-1",
    "-0.5",
    "--",
    "=",
    "auto",
    "a=b",
    "1e999",
    "NaN",
)
WORDS = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(VALUES),
    st.builds(lambda name, cut: name[:cut], st.sampled_from(NAMES), st.integers(1, 30)),
    st.builds("{}={}".format, st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.builds(
        "{}.{}{}".format, st.sampled_from(NAMES), st.sampled_from(("a", "a.b", "", "mode")), st.just("+=1")
    ),
    st.text(max_size=8),
)


def read(words: list[str], release: tuple[int, int, int], *, is_module: bool) -> ServeArgs | str:
    try:
        return parse_serve_args(
            words, release, is_module=is_module, read_config=lambda _: {"port": 1, "a": None}
        )
    except ServeArgsError as refusal:
        return str(refusal)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=6), st.sampled_from(((0, 17, 0), (0, 27, 0), (0, 33, 0))), st.booleans())
def test_any_words_are_read_or_refused(
    words: list[str], release: tuple[int, int, int], is_module: bool
) -> None:
    assert read(words, release, is_module=is_module)


@pytest.mark.parametrize(
    "words",
    [
        ["m", "--hf-overrides", "[" * 100_000],
        ["m", "-cc" + ".a" * 100_000 + "=1"],
        ["m", "-cc.a=" + "[" * 100_000],
        ["m", "--max-model-len", "9" * 10_000],
        ["m", "--max-model-len", "9" * 1_000 + "k"],
        ["m", "-cc.mode=" + "9" * 1_000 + "k"],
        ["m", "--dtype", "x" * 100_000],
        ["m", "--" + "x" * 100_000],
        ["m", *["--port", "1"] * 10_000],
    ],
)
def test_what_is_far_too_big_is_read_or_refused_in_a_short_line(words: list[str]) -> None:
    found = read(words, (0, 33, 0), is_module=False)
    assert not isinstance(found, str) or ("\n" not in found and len(found) < 400)
