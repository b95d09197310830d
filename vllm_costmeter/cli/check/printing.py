"""Print the results of `costmeter check` in the requested format."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vllm_costmeter.cli.check.request import CheckRequest, Format
from vllm_costmeter.core.errors import BadInputError

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts

NOTHING = "nothing was checked: no file starts a vLLM server"


def print_answers(
    answers: Sequence[CheckAnswer], request: CheckRequest, counts: FileCounts | None = None
) -> None:
    """All results, and what else was seen in files. Text shows a single one in full and several as a table."""
    if not answers and request.format not in ("text", "github"):
        print(f"costmeter: {NOTHING}", file=sys.stderr)
    if request.format == "json":
        from vllm_costmeter.outputs.check.table import json_text

        print(json_text(answers, is_list=request.files is not None or len(answers) > 1, counts=counts))
    elif request.format == "csv":
        from vllm_costmeter.outputs.check.csv import csv_text

        print(csv_text(answers), end="")
    elif request.format in ("junit", "sarif"):
        _print_report(answers, request.format, is_strict=request.is_strict)
    else:
        _print_text(answers, request)
        if counts is not None:
            from vllm_costmeter.outputs.check.counts import counts_line

            print(counts_line(answers, counts))


def print_fault(error: BadInputError, format_: Format) -> None:
    """An error of the whole command as a report, so that a CI system shows it where it shows results."""
    from vllm_costmeter.core.fit.report import CheckAnswer
    from vllm_costmeter.sources.manifests.place import LocatedError

    answer = CheckAnswer("costmeter", fault=str(error), is_bad_input=True)
    if isinstance(error, LocatedError):
        place = error.place
        answer = CheckAnswer(
            "costmeter", fault=error.message, is_bad_input=True, file=place.file, line=place.line
        )
    if format_ == "github":
        from vllm_costmeter.outputs.check.github import workflow_command

        print(workflow_command("error", answer.message, answer.title, answer.file, answer.line))
    else:
        _print_report([answer], format_, is_strict=False)


def _print_report(answers: Sequence[CheckAnswer], format_: Format, *, is_strict: bool) -> None:
    if format_ == "junit":
        from vllm_costmeter.outputs.check.junit import junit_xml

        print(junit_xml(answers, strict=is_strict), end="")
    else:
        from vllm_costmeter.outputs.check.sarif import sarif_json

        print(json.dumps(sarif_json(answers, strict=is_strict), indent=2))


def _print_text(answers: Sequence[CheckAnswer], request: CheckRequest) -> None:
    if not answers:
        print(NOTHING)
    elif request.format == "github":
        from vllm_costmeter.outputs.check.github import annotation

        print("\n".join(annotation(answer, strict=request.is_strict) for answer in answers))
    if len(answers) > 1:
        from vllm_costmeter.outputs.check.table import notes, table

        print(table(answers), end="")
        print("".join(f"{line}\n" for line in notes(answers)), end="")
    for answer in answers:
        _print_one(answer, request, is_alone=len(answers) == 1)


def _print_one(answer: CheckAnswer, request: CheckRequest, *, is_alone: bool) -> None:
    """The full output for a single result, or the explanation that does not fit in a table."""
    if not is_alone and not request.is_explained:
        return
    name = f"{answer.title} ({answer.place})" if answer.place else answer.title
    if answer.file is not None and is_alone:
        print(name)
    if answer.fit is None:
        print(answer.sentence if is_alone else f"{name}: {answer.sentence}")
    elif is_alone:
        from vllm_costmeter.outputs.check.text import write

        write(answer.fit, sys.stdout, all_suggestions=request.shows_all_suggestions)
    if answer.waiver is not None and is_alone:
        print(answer.waiver.in_words)
    if answer.fit is not None and request.is_explained:
        from vllm_costmeter.outputs.check.explain import explanation
        from vllm_costmeter.outputs.check.text import columns_of

        title = [] if is_alone else [f"{name}: {answer.sentence}"]
        print("\n".join(["", *title, *explanation(answer.fit, columns_of(sys.stdout))]))
