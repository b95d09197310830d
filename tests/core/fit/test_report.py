"""One line of a report: its words, its place and its exit code."""

from __future__ import annotations

import pytest
from stated_sizing import blank

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts, Waiver, worst_exit_code
from vllm_costmeter.core.fit.result import Fit, Verdict

WAIVER = Waiver("m", "a test server", "2027-01-31")


def found(verdict: Verdict, message: str = "") -> Fit:
    """A result with this verdict."""
    return replace(blank(), verdict=verdict, message=message)


@pytest.mark.parametrize(
    ("answer", "verdict", "sentence", "codes"),
    [
        (CheckAnswer("m", found("fits", "fits: 8 tokens")), "fits", "fits: 8 tokens", (0, 0)),
        (CheckAnswer("m", found("tight", "close")), "tight", "tight: close", (0, 1)),
        (CheckAnswer("m", found("refused", "no room")), "refused", "refused: no room", (1, 1)),
        (CheckAnswer("m", found("unknown", "no rules")), "unknown", "unknown: no rules", (3, 3)),
        (CheckAnswer("m", fault="no rules"), "unknown", "unknown: no rules", (3, 3)),
        (CheckAnswer("m"), "unknown", "unknown: ", (3, 3)),
        (
            CheckAnswer("m", fault="no flag", is_bad_input=True),
            "bad input",
            "bad input: no flag",
            (2, 2),
        ),
        (CheckAnswer("m", found("refused", "no room"), waiver=WAIVER), "refused", "refused: no room", (0, 0)),
    ],
)
def test_an_answer_has_the_words_and_the_code_of_its_fit_or_fault(
    answer: CheckAnswer, verdict: str, sentence: str, codes: tuple[int, int]
) -> None:
    """0 fits, tight or waived, 1 refused and with `strict` tight, 2 bad input, 3 unknown."""
    assert (answer.verdict, answer.sentence) == (verdict, sentence)
    assert (answer.exit_code(), answer.exit_code(strict=True)) == codes


def test_a_place_is_a_line_of_a_file() -> None:
    """None for a model on the command line."""
    assert CheckAnswer("m", file="deploy/llama.yaml", line=12).place == "deploy/llama.yaml:12"
    assert CheckAnswer("m").place == ""


def test_a_waiver_says_until_when_and_why() -> None:
    assert WAIVER.in_words == "waived until 2027-01-31: a test server"


def test_a_run_exits_as_its_worst_answer() -> None:
    """What a file may start and was not read counts, unless that is allowed; nothing at all is no failure."""
    fits, tight = CheckAnswer("a", found("fits")), CheckAnswer("b", found("tight"))
    refused, unread = CheckAnswer("c", found("refused")), CheckAnswer("d", fault="a script", is_unread=True)
    assert worst_exit_code([]) == 0
    assert worst_exit_code([fits, tight]) == 0
    assert worst_exit_code([fits, tight], strict=True) == 1
    assert worst_exit_code([fits, refused]) == 1
    assert worst_exit_code([fits, refused, unread]) == 3
    assert worst_exit_code([fits, refused, unread], allow_unread=True) == 1
    assert worst_exit_code([refused], allow_unread=True) == 1


def test_nothing_is_counted_before_a_file_is_read() -> None:
    counts = FileCounts()
    assert (counts.other_containers, counts.other_objects, counts.other_files) == (0, 0, [])
