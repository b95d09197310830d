"""Fit checks as GitHub Actions workflow commands: annotations on the lines that cause them.

Syntax and escaping: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
(2026-11-22).
"""

from __future__ import annotations

from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.outputs.check.changes import first_change

_LEVELS = {
    "fits": "notice",
    "tight": "warning",
    "refused": "error",
    "unknown": "warning",
    "bad input": "error",
}


def annotation(answer: CheckAnswer, *, strict: bool = False) -> str:
    """One line per result, with the longest context that fits or the first change that helps."""
    message = answer.sentence
    change = first_change(answer.fit)
    if answer.waiver is not None:
        message += f" ({answer.waiver.in_words})"
    elif change:
        message += f". Try {change}"
    level = "error" if strict and answer.verdict == "tight" else _LEVELS[answer.verdict]
    level = "notice" if answer.waiver is not None else level
    return workflow_command(level, message, answer.title, answer.file, answer.line)


def workflow_command(level: str, message: str, title: str, file: str | None, line: int | None) -> str:
    """`::error file=...,line=...,title=...::message`."""
    place = {"file": file, "line": line} if file is not None else {}
    properties = ",".join(
        f"{key}={_property(str(value))}" for key, value in {**place, "title": title}.items()
    )
    return f"::{level} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
