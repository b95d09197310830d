"""`--waivers FILE`: results that somebody has accepted until a day."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.fit.report import CheckAnswer, Waiver
from vllm_costmeter.sources.files.waivers import read_waivers


def waived(
    answers: Sequence[CheckAnswer], file: str, *, strict: bool = False, today: date | None = None
) -> list[CheckAnswer]:
    """The results, those that fail and are accepted with their waiver; bad input is never accepted.

    Standard error says which waivers have expired, which name nothing that was checked, and which name bad input.
    """
    day = (today or datetime.now(UTC).date()).isoformat()
    waivers = read_waivers(Path(file))
    for waiver in waivers:
        for line in _remarks(waiver, answers, day):
            print(f"costmeter: {file}: {line}", file=sys.stderr)
    current = [waiver for waiver in waivers if day <= waiver.expires]
    return [_accepted(answer, current, strict) for answer in answers]


def _accepted(answer: CheckAnswer, waivers: Sequence[Waiver], strict: bool) -> CheckAnswer:
    if answer.is_bad_input or not answer.exit_code(strict=strict):
        return answer
    found = next((waiver for waiver in waivers if waiver.target in _names(answer)), None)
    return answer if found is None else replace(answer, waiver=found)


def _remarks(waiver: Waiver, answers: Sequence[CheckAnswer], day: str) -> list[str]:
    named = [answer for answer in answers if waiver.target in _names(answer)]
    if not named:
        known = [name for answer in answers for name in _names(answer)]
        return [
            f"the waiver for {waiver.target!r} names nothing that was checked{nearest(waiver.target, known)}"
        ]
    if waiver.expires < day:
        return [f"the waiver for {waiver.target!r} expired on {waiver.expires}"]
    if any(answer.is_bad_input for answer in named):
        return [f"the waiver for {waiver.target!r} does not apply: bad input is not a risk to accept"]
    return []


def _names(answer: CheckAnswer) -> tuple[str, ...]:
    model = () if answer.fit is None else (answer.fit.model.id,)
    return (answer.title, *(() if answer.file is None else (answer.file, answer.place)), *model)
