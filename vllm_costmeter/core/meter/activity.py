"""When an engine was active and when it was asleep, from its step reports."""

from __future__ import annotations

from typing import Literal, NamedTuple


class EngineEvent(NamedTuple):
    """One report of an engine, on the machine's monotonic clock: a step ended, it fell asleep, or it woke up."""

    seconds: float
    kind: Literal["step", "sleep", "wake"]
    running_requests: int = 0
    """Requests still running after the step; 0 means the engine has become idle."""
    began_seconds: float | None = None
    """The earliest time at which this step's requests are known to have been running; None if unknown."""


class EngineActivity:
    """Sums active and asleep seconds. An engine is active while at least one request is running.

    A step reports when it *ends*: a request that starts and finishes within one step is seen once, when it is no
    longer running. So an interval opens at `began_seconds` if known, but not before the end of the last active or
    asleep interval, and an open interval is extended backwards when a later step reports an earlier start. Every
    method is O(1).
    """

    __slots__ = ("_active_seconds", "_asleep_seconds", "_asleep_since", "_free_since", "_opened")

    def __init__(self, now_seconds: float) -> None:
        self._active_seconds = 0.0
        self._asleep_seconds = 0.0
        self._free_since = now_seconds
        self._opened: float | None = None
        self._asleep_since: float | None = None

    def step(self, now_seconds: float, running_requests: int, began_seconds: float | None = None) -> None:
        """A step ended at `now_seconds` and left `running_requests` running."""
        if self._asleep_since is not None:
            if running_requests == 0:
                return
            self.sleep(now_seconds, asleep=False)
        now = max(now_seconds, self._free_since)
        began = now if began_seconds is None else min(max(began_seconds, self._free_since), now)
        self._opened = began if self._opened is None else min(self._opened, began)
        if running_requests == 0:
            self._close(now)

    def sleep(self, now_seconds: float, asleep: bool) -> None:
        """The engine fell asleep (its requests were aborted or are waiting), or woke up."""
        now = max(now_seconds, self._free_since)
        if asleep and self._asleep_since is None:
            if self._opened is not None:
                self._close(now)
            self._asleep_since = now
        elif not asleep and self._asleep_since is not None:
            self._asleep_seconds += now - self._asleep_since
            self._asleep_since = None
            self._free_since = now

    def apply(self, event: EngineEvent) -> None:
        """The same from a recorded event."""
        if event.kind == "step":
            self.step(event.seconds, event.running_requests, event.began_seconds)
        else:
            self.sleep(event.seconds, asleep=event.kind == "sleep")

    def active_seconds(self, now_seconds: float) -> float:
        """Seconds with at least one running request, including the open interval."""
        closed, opened = (
            self._active_seconds,
            self._opened,
        )  # in this order: another thread may close it meanwhile
        return closed if opened is None else closed + max(0.0, now_seconds - opened)

    def asleep_seconds(self, now_seconds: float) -> float:
        """Seconds in sleep mode, including the current sleep."""
        closed, since = self._asleep_seconds, self._asleep_since
        return closed if since is None else closed + max(0.0, now_seconds - since)

    @property
    def asleep(self) -> bool:
        """Whether the engine is asleep now."""
        return self._asleep_since is not None

    def _close(self, now: float) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._active_seconds += max(0.0, now - opened)
        self._free_since = now
