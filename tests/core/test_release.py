"""vLLM's version strings, as people and builds write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vllm_costmeter.core.engine.release_rules import ROWS, engine_rules
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.kv_cache.rules import kv_rules
from vllm_costmeter.core.release import NEWEST, NEWEST_KNOWN, release_of, release_of_build


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.32.0+cpu", (0, 32, 0)),
        ("0.11.0rc2", (0, 11, 0)),
        ("v0.25.1", (0, 25, 1)),
        ("v0.23.0-cu130", (0, 23, 0)),
        ("0.23.x", (0, 23, 0)),
        ("0.8.5.post1", (0, 8, 5)),
        ("0.22.1rc1.dev281+gad2337814", (0, 22, 1)),
        (" 0.20.0 ", (0, 20, 0)),
    ],
)
def test_suffixes_of_builds_do_not_matter(text: str, expected: tuple[int, int, int]) -> None:
    """A nightly, a candidate and a CPU build of a release are that release."""
    assert release_of(text).number == expected


@pytest.mark.parametrize("text", ["", "latest", "main", "vllm", "0", "0.", ".32", "-1.2", "99999999.1"])
def test_what_is_not_a_version_is_one_clear_line(text: str) -> None:
    """The message shows what was given and what a version looks like; a build that runs is never refused."""
    with pytest.raises(BadInputError, match=r"give one like 0\.32\.0"):
        release_of(text)
    assert release_of_build(text).number == NEWEST_KNOWN


@given(st.tuples(*[st.integers(0, 9999)] * 3), st.sampled_from(["", "+cpu", "rc1", ".post1", ".dev3+g0a"]))
def test_any_release_number_survives_its_suffix(number: tuple[int, int, int], suffix: str) -> None:
    """Parsing is the inverse of printing; 0.1.devN alone is no number."""
    text = "{}.{}.{}".format(*number) + suffix
    assert release_of(text).number == number
    assert release_of(text).key == "{}.{}.{}".format(*number)


@pytest.mark.parametrize("text", ["0.1.dev1+g9759e3b06", "dev"])
def test_a_build_without_a_number_takes_the_newest_rules_everywhere(text: str) -> None:
    """setuptools-scm calls a shallow clone 0.1.dev1, which is not vLLM 0.1; its starts are nobody else's."""
    release = release_of(text)
    assert (release.number, release.is_numbered, release.key) == (NEWEST_KNOWN, False, text)
    assert engine_rules(release) is engine_rules(NEWEST)
    assert kv_rules(release) is kv_rules(NEWEST)
    assert release.note is not None
    assert "a build without a release number" in release.note


@given(st.sampled_from(["0.19.0", "0.22.1", "0.25.1", "0.11.0", "0.28.0"]))
def test_a_development_build_takes_the_rows_of_its_release(number: str) -> None:
    """In the engine's table and in the KV cache's alike."""
    for text in (f"{number}rc1.dev281+gad2337814", f"v{number}-cu130", f"{number}+cpu"):
        assert engine_rules(release_of(text)) is engine_rules(release_of(number))
        assert kv_rules(release_of(text)) is kv_rules(release_of(number))


@pytest.mark.parametrize(
    ("text", "says"),
    [("0.99.0", "newer"), ("0.11.0rc2", "older"), ("0.8.5", "older"), ("0.16.0", "older")],
)
def test_a_release_outside_the_tables_is_said(text: str, says: str) -> None:
    """The nearest row answers, and a note says that it is not the release's own."""
    note = release_of(text).note
    assert note is not None
    assert says in note


def test_the_newest_known_is_assumed_where_nobody_states_a_release() -> None:
    """It needs no note, and prints as what it is; 0.33.1 is judged by the rules of 0.33."""
    assert (str(release_of(None)), release_of(None).note) == ("0.33.0 (assumed)", None)
    assert str(release_of("0.33.0")) == "0.33.0"
    assert release_of("0.33.1").note is None
    assert engine_rules(NEWEST) is ROWS[-1]
