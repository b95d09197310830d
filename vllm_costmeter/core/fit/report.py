"""One line of a report: what was checked, its place in a file, and the result."""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.fit.result import Fit

BAD_INPUT, NOT_UNDERSTOOD = 2, 3


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """The result for one model, or for one server in a file: a `Fit`, or the error that prevented it."""

    title: str
    fit: Fit | None = None
    fault: str | None = None
    """The error in one line, if there is no fit."""
    is_bad_input: bool = False
    """Whether the input is wrong; False: it is valid but not understood."""
    file: str | None = None
    line: int | None = None
    """Line of the server's command in `file`."""

    @property
    def verdict(self) -> str:
        if self.fit is not None:
            return self.fit.verdict
        return "bad input" if self.is_bad_input else "unknown"

    @property
    def message(self) -> str:
        return self.fit.message if self.fit is not None else self.fault or ""

    def exit_code(self, *, strict: bool = False) -> int:
        """0 fits or tight, 1 refused (with `strict` also tight), 2 bad input, 3 unknown."""
        if self.fit is not None:
            return self.fit.exit_code(strict=strict)
        return BAD_INPUT if self.is_bad_input else NOT_UNDERSTOOD


def worst_exit_code(answers: Iterable[CheckAnswer], *, strict: bool = False) -> int:
    """The highest exit code: a single deployment that is not known to start fails the whole run."""
    return max((answer.exit_code(strict=strict) for answer in answers), default=0)
