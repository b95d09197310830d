"""How a command ends, and the ways in which a script leaves its order."""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """Whether a command succeeded."""

    YES = "yes"
    NO = "no"
    ASSUMED = "assumed"
    """A program that a script expects to succeed."""
    UNDECIDED = "undecided"
    """A test of what only the running machine knows."""

    def opposite(self) -> Outcome:
        return {Outcome.YES: Outcome.NO, Outcome.NO: Outcome.YES}.get(self, Outcome.UNDECIDED)

    @classmethod
    def of(cls, truth: bool | None) -> Outcome:
        return cls.UNDECIDED if truth is None else cls.YES if truth else cls.NO


class LeaveError(Exception):
    """The script, function or loop is left here."""


class ExitError(LeaveError):
    """`exit`, or `exec` of a program: nothing after it runs."""


class ReturnError(LeaveError):
    """`return`."""


class LoopError(LeaveError):
    """`break` or `continue`."""

    def __init__(self, levels: int = 1, *, goes_on: bool = False) -> None:
        super().__init__()
        self.levels = levels
        self.goes_on = goes_on
