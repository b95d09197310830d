"""One line of a report: what was checked, its place in a file, and the result."""

from __future__ import annotations

from collections.abc import Iterable

from vllm_costmeter.core.dataclass import dataclass, field
from vllm_costmeter.core.fit.result import Fit

BAD_INPUT, NOT_UNDERSTOOD = 2, 3


@dataclass(frozen=True, slots=True)
class Waiver:
    """A risk that somebody has accepted: a deployment that may be refused, tight or unknown until a day."""

    target: str
    """The name of a server, `FILE`, `FILE:LINE`, or a model as it was given."""
    reason: str
    expires: str
    """An ISO date; the waiver still holds on that day."""

    @property
    def in_words(self) -> str:
        return f"waived until {self.expires}: {self.reason}"


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
    is_unread: bool = False
    """Whether it is part of a file that may start a server and was not read."""
    waiver: Waiver | None = None
    """Why this result is accepted, if it is; not for bad input."""

    @property
    def verdict(self) -> str:
        if self.fit is not None:
            return self.fit.verdict
        return "bad input" if self.is_bad_input else "unknown"

    @property
    def place(self) -> str:
        """ "deploy/llama.yaml:12"; empty for a model on the command line."""
        return "" if self.file is None else f"{self.file}:{self.line}"

    @property
    def message(self) -> str:
        return self.fit.message if self.fit is not None else self.fault or ""

    @property
    def sentence(self) -> str:
        """ "fits: 8,192 tokens ...", "refused: ...": the message with its verdict."""
        return self.message if self.verdict == "fits" else f"{self.verdict}: {self.message}"

    def exit_code(self, *, strict: bool = False) -> int:
        """0 fits, tight or waived, 1 refused (with `strict` also tight), 2 bad input, 3 unknown."""
        if self.waiver is not None:
            return 0
        if self.fit is not None:
            return self.fit.exit_code(strict=strict)
        return BAD_INPUT if self.is_bad_input else NOT_UNDERSTOOD


@dataclass(slots=True)
class FileCounts:
    """What files hold beside the servers that were checked: counted, so that nothing is passed over in silence."""

    other_containers: int = 0
    """Containers, services and scripts that were read and start no vLLM server."""
    other_objects: int = 0
    """Objects that start nothing."""
    other_files: list[str] = field(default_factory=list)
    """Files without a server that --skip-other-files, or a folder, allows."""


def worst_exit_code(
    answers: Iterable[CheckAnswer], *, strict: bool = False, allow_unread: bool = False
) -> int:
    """The highest exit code: a single deployment that is not known to start fails the whole run."""
    return max(
        (answer.exit_code(strict=strict) for answer in answers if not (allow_unread and answer.is_unread)),
        default=0,
    )
