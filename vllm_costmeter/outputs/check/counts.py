"""What was seen in files: servers checked, parts not read, and what starts no vLLM server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts

MOST_NAMED = 5


def counts_line(answers: Sequence[CheckAnswer], counts: FileCounts) -> str:
    """ "3 servers checked, 1 part not read: Rollout chat (a.yaml:7); 2 other containers"."""
    checked = [answer for answer in answers if answer.fit is not None]
    faulty = [answer for answer in answers if answer.is_bad_input]
    unknown = [answer for answer in answers if _is_unknown(answer)]
    unread = [answer for answer in answers if answer.is_unread]
    parts = [_number(len(checked), "server") + " checked"]
    parts += [_number(len(faulty), "error")] if faulty else []
    parts += [f"{len(unknown)} not understood"] if unknown else []
    if unread:
        named = ", ".join(f"{answer.title} ({answer.place})" for answer in unread[:MOST_NAMED])
        more = f" and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
        parts.append(f"{len(unread)} not read: {named}{more}")
    others = []
    if counts.other_containers:
        others.append(_number(counts.other_containers, "container") + " without vLLM")
    if counts.other_objects:
        others.append(_number(counts.other_objects, "other object"))
    if counts.other_files:
        others.append(_number(len(counts.other_files), "file") + " without a server")
    return "; ".join([", ".join(parts), *([", ".join(others)] if others else [])])


def counts_json(answers: Sequence[CheckAnswer], counts: FileCounts) -> dict[str, Any]:
    """The same by number; `not_read` names each part with its place."""
    return {
        "servers_checked": sum(answer.fit is not None for answer in answers),
        "errors": sum(answer.is_bad_input for answer in answers),
        "not_understood": sum(map(_is_unknown, answers)),
        "not_read": [
            {"name": answer.title, "file": answer.file, "line": answer.line}
            for answer in answers
            if answer.is_unread
        ],
        "other_containers": counts.other_containers,
        "other_objects": counts.other_objects,
        "other_files": list(counts.other_files),
    }


def _is_unknown(answer: CheckAnswer) -> bool:
    return answer.fit is None and not answer.is_bad_input and not answer.is_unread


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
