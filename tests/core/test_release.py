"""vLLM's version strings, as people and builds write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.release import is_unnumbered_build, parse_version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.32.0+cpu", (0, 32, 0)),
        ("0.11.0rc2", (0, 11, 0)),
        ("v0.25.1", (0, 25, 1)),
        ("0.23.x", (0, 23, 0)),
        ("0.8.5.post1", (0, 8, 5)),
        ("0.22.1rc1.dev281+gad2337814", (0, 22, 1)),
        (" 0.20.0 ", (0, 20, 0)),
    ],
)
def test_suffixes_of_builds_do_not_matter(text: str, expected: tuple[int, int, int]) -> None:
    """A nightly, a candidate and a CPU build of a release are that release."""
    assert parse_version(text) == expected


@pytest.mark.parametrize("text", ["", "latest", "main", "vllm", "0", "0.", ".32", "-1.2", "99999999.1"])
def test_what_is_not_a_version_is_one_clear_line(text: str) -> None:
    """The message shows what was given and what a version looks like."""
    with pytest.raises(BadInputError, match=r"give one like 0\.32\.0"):
        parse_version(text)


@given(st.tuples(*[st.integers(0, 9999)] * 3), st.sampled_from(["", "+cpu", "rc1", ".post1", ".dev3+g0a"]))
def test_any_release_number_survives_its_suffix(release: tuple[int, int, int], suffix: str) -> None:
    """Parsing is the inverse of printing."""
    assert parse_version("{}.{}.{}".format(*release) + suffix) == release


def test_a_shallow_clone_does_not_know_its_release() -> None:
    """setuptools-scm calls it 0.1.dev1, which is not vLLM 0.1."""
    assert is_unnumbered_build("0.1.dev1+g9759e3b06")
    assert not is_unnumbered_build("0.1.0")
