"""One line of a report: what was checked, where it stands, and the answer."""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.fit.result import Fit

BAD_INPUT, NOT_UNDERSTOOD = 2, 3


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """A model or a server of a file, judged, or the fault that kept it from being judged."""

    title: str
    fit: Fit | None = None
    fault: str | None = None
    """One line, where there is no fit."""
    is_bad_input: bool = False
    """Whether the fault is of the input, not of our knowledge."""
    file: str | None = None
    line: int | None = None
    """Where the server's command stands."""

    @property
    def verdict(self) -> str:
        if self.fit is not None:
            return self.fit.verdict
        return "bad input" if self.is_bad_input else "unknown"

    @property
    def message(self) -> str:
        return self.fit.message if self.fit is not None else self.fault or ""

    def exit_code(self, *, strict: bool = False) -> int:
        """0 serves, 1 refused (with `strict` also tight), 2 bad input, 3 unknown."""
        if self.fit is not None:
            return self.fit.exit_code(strict=strict)
        return BAD_INPUT if self.is_bad_input else NOT_UNDERSTOOD


def worst_exit_code(answers: Iterable[CheckAnswer], *, strict: bool = False) -> int:
    """The highest of all: one deployment that is not known to serve fails the whole run."""
    return max((answer.exit_code(strict=strict) for answer in answers), default=0)
