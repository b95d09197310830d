"""Fit checks as GitHub Actions workflow commands: annotations on the lines that cause them.

Syntax and escaping: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
(2026-11-22).
"""

from __future__ import annotations

from vllm_costmeter.core.fit.report import CheckAnswer

_LEVELS = {
    "fits": "notice",
    "tight": "warning",
    "refused": "error",
    "unknown": "warning",
    "bad input": "error",
}


def annotation(answer: CheckAnswer, *, strict: bool = False) -> str:
    """One line per result, with the longest context that fits or the first change that helps."""
    message = f"{answer.verdict}: {answer.message}" if answer.verdict != "fits" else answer.message
    if answer.fit is not None and answer.fit.suggestions:
        message += f". Try {answer.fit.suggestions[0].arguments}"
    level = "error" if strict and answer.verdict == "tight" else _LEVELS[answer.verdict]
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
