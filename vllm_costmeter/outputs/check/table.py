"""Several fit checks as one table or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.outputs.check.json import SCHEMA, to_json
from vllm_costmeter.outputs.text.table_layout import terminal_table

SEVERAL_SCHEMA = "costmeter.checks/1"

_TITLES = (
    "checked",
    "verdict",
    "GPUs",
    "weights GiB",
    "KV needed GiB",
    "KV available GiB",
    "longest context",
    "suggested change",
)


def table(answers: Sequence[CheckAnswer]) -> str:
    """One row per result; unknown parts are empty."""
    return terminal_table(_TITLES, [_row(answer) for answer in answers])


def _row(answer: CheckAnswer) -> tuple[str, ...]:
    fit = answer.fit
    if fit is None:
        return (answer.title, answer.verdict, "", "", "", "", "", answer.message)
    use = fit.per_gpu
    count = fit.engine.world_size
    change = fit.suggestions[0].arguments if fit.suggestions else ""
    return (
        answer.title,
        fit.verdict,
        fit.gpu.name if count == 1 else f"{count} x {fit.gpu.name}",
        _gib(use.weights_bytes if use is not None else fit.known_weights_bytes),
        _gib(use.kv_cache_needed_bytes if use is not None else None),
        _gib(max(use.kv_cache_available_bytes, 0) if use is not None else None),
        "" if fit.max_model_len_that_fits is None else f"{fit.max_model_len_that_fits:,}",
        change or ("" if fit.verdict == "fits" else fit.message),
    )


def _gib(bytes_: int | None) -> str:
    return "" if bytes_ is None else f"{bytes_ / GIB:.2f}"


def answer_json(answer: CheckAnswer) -> dict[str, Any]:
    """One result under schema costmeter.check/1, with the server's name and location if it is from a file."""
    if answer.fit is not None:
        found = to_json(answer.fit)
    else:
        found = {
            "schema": SCHEMA,
            "verdict": answer.verdict,
            "reason": "bad_input" if answer.is_bad_input else "not_understood",
            "message": answer.message,
            "model": {"id": answer.title},
            "suggestions": [],
            "provenance": {},
            "notes": [],
        }
    if answer.file is not None:
        found["server"] = {"name": answer.title, "file": answer.file, "line": answer.line}
    return found


def json_text(answers: Sequence[CheckAnswer], *, is_list: bool) -> str:
    """A single result as one object; `is_list`: any number of them under schema costmeter.checks/1."""
    found = [answer_json(answer) for answer in answers]
    return json.dumps({"schema": SEVERAL_SCHEMA, "checks": found} if is_list else found[0], indent=2)
