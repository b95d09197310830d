"""Fit checks as SARIF 2.1.0, which code-scanning services read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html (2026-11-28)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter import __version__
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.outputs.check.changes import first_change

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {
    "refused": "the deployment does not fit its GPUs",
    "tight": "the deployment may not fit its GPUs",
    "unknown": "the deployment's memory is not known",
    "bad-input": "the deployment cannot be read",
    "fits": "the deployment fits its GPUs",
}


def sarif_json(answers: Sequence[CheckAnswer], *, strict: bool = False) -> dict[str, Any]:
    """One run; every deployment is a result, those that fit with kind `pass`."""
    rules = [{"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()]
    driver = {"name": "costmeter", "version": __version__, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(answer, strict) for answer in answers]}],
    }


def _result(answer: CheckAnswer, strict: bool) -> dict[str, Any]:
    change = first_change(answer.fit)
    found: dict[str, Any] = {
        "ruleId": answer.verdict.replace(" ", "-"),
        "kind": "pass" if answer.verdict == "fits" else "fail",
        "level": _level(answer, strict),
        "message": {"text": f"{answer.title}: {answer.sentence}" + (f". Try {change}" if change else "")},
    }
    if answer.file is not None:
        place = {"artifactLocation": {"uri": answer.file}, "region": {"startLine": answer.line or 1}}
        found["locations"] = [{"physicalLocation": place}]
    if answer.waiver is not None:
        found["suppressions"] = [{"kind": "external", "justification": answer.waiver.in_words}]
    return found


def _level(answer: CheckAnswer, strict: bool) -> str:
    if answer.verdict == "fits":
        return "none"
    if answer.verdict in ("tight", "unknown") and not (strict and answer.verdict == "tight"):
        return "warning"
    return "error"
