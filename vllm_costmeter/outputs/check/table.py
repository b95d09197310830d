"""Several fit checks as one table or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.outputs.check.json import SCHEMA, to_json
from vllm_costmeter.outputs.text.table_layout import terminal_table

SEVERAL_SCHEMA = "costmeter.checks/1"

_TITLES = (
    "checked",
    "where",
    "verdict",
    "context",
    "longest context",
    "GPUs",
    "weights GiB",
    "KV needed GiB",
    "KV available GiB",
    "what to change, or why",
)


def table(answers: Sequence[CheckAnswer]) -> str:
    """One row per result, with its file and line if it is from a file; unknown parts are empty."""
    rows = [_row(answer) for answer in answers]
    if all(answer.file is None for answer in answers):
        at = _TITLES.index("where")
        return terminal_table(_without(_TITLES, at), [_without(row, at) for row in rows])
    return terminal_table(_TITLES, rows)


def notes(answers: Sequence[CheckAnswer]) -> list[str]:
    """The notes of all results, each once, with the name of the result if it is not about all of them."""
    with_fit = [answer for answer in answers if answer.fit is not None]
    by_note: dict[str, list[CheckAnswer]] = {}
    for answer in with_fit:
        for note in answer.fit.notes if answer.fit is not None else ():
            by_note.setdefault(note, []).append(answer)
    found = []
    for note, owners in by_note.items():
        names = "" if len(owners) == len(with_fit) > 1 else f"{', '.join(_name(each) for each in owners)}: "
        found.append(f"note: {names}{note}")
    return found + [f"{_name(each)}: {each.waiver.in_words}" for each in answers if each.waiver is not None]


def _name(answer: CheckAnswer) -> str:
    return f"{answer.title} ({answer.place})" if answer.place else answer.title


def _without(row: tuple[str, ...], at: int) -> tuple[str, ...]:
    return row[:at] + row[at + 1 :]


def _row(answer: CheckAnswer) -> tuple[str, ...]:
    fit = answer.fit
    verdict = answer.verdict if answer.waiver is None else f"waived ({answer.verdict})"
    if fit is None:
        return (answer.title, answer.place, verdict, *[""] * 6, answer.message)
    use = fit.per_gpu
    count = fit.engine.world_size
    from vllm_costmeter.outputs.check.changes import first_change

    change = first_change(fit)
    return (
        answer.title,
        answer.place,
        verdict,
        f"{fit.engine.max_model_len:,}" if fit.engine.max_model_len else "",
        "" if fit.max_model_len_that_fits is None else f"{fit.max_model_len_that_fits:,}",
        fit.gpu.name if count == 1 else f"{count} x {fit.gpu.name}",
        _gib(use.weights_bytes if use is not None else fit.known_weights_bytes),
        _gib(use.kv_cache_needed_bytes if use is not None else None),
        _gib(max(use.kv_cache_available_bytes, 0) if use is not None else None),
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
            "reason": "bad_input"
            if answer.is_bad_input
            else "unread"
            if answer.is_unread
            else "not_understood",
            "message": answer.message,
            "model": {"id": answer.title},
            "suggestions": [],
            "provenance": {},
            "notes": [],
        }
    if answer.file is not None:
        found["server"] = {"name": answer.title, "file": answer.file, "line": answer.line}
    if answer.waiver is not None:
        found["waiver"] = {"reason": answer.waiver.reason, "expires": answer.waiver.expires}
    return found


def json_text(answers: Sequence[CheckAnswer], *, is_list: bool, counts: FileCounts | None = None) -> str:
    """A single result as one object; `is_list`: any number of them under schema costmeter.checks/1, with what else
    the files hold."""
    found = [answer_json(answer) for answer in answers]
    if not is_list:
        return json.dumps(found[0], indent=2)
    document: dict[str, Any] = {"schema": SEVERAL_SCHEMA, "checks": found}
    if counts is not None:
        from vllm_costmeter.outputs.check.counts import counts_json

        document["counts"] = counts_json(answers, counts)
    return json.dumps(document, indent=2)
