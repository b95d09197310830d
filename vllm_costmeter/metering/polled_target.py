"""One target, read about once a second on a thread of its own, so that one that hangs delays no other."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping

from vllm_costmeter.core.engines.sample import EngineSample
from vllm_costmeter.metering.target_meter import TargetMeter
from vllm_costmeter.outputs.metrics.exposition import Family
from vllm_costmeter.outputs.metrics.targets import TargetState, labelled

STUCK_SECONDS = 15.0
"""Longer than any attempt may take: whatever its thread waits for, the target does not answer."""
QUIET_SECONDS = 600.0
"""Between two lines for the same reason."""
JITTER = 0.2
"""Looks at a fixed beat could meet, or miss, every request of a client with the same beat."""
IS_NO_ENGINE = (
    "duplicate",
    "not_an_engine",
    "redirect",
    "unauthorized",
    "not_found",
    "gpus",
    "settings",
    "not_http",
    "too_large",
)
"""What waiting does not change: at the start of the exporter it is the end."""
FAULT = "fault"


class PolledTarget:
    """`read` gives a page and raises anything; the exception's `reason` is the keyword, its text the line.

    The first page begins the meter.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], EngineSample],
        begin: Callable[[EngineSample, float, float], TargetMeter],
        tell: Callable[[str], None],
        *,
        labels: Mapping[str, str],
        interval_seconds: float = 1.0,
        close: Callable[[], None] = lambda: None,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._read = read
        self._begin = begin
        self._tell = tell
        self._labels = tuple(labels.items())
        self._interval_seconds = interval_seconds
        self._close = close
        self._monotonic_seconds = monotonic_seconds
        self._meter: TargetMeter | None = None
        self._sample: EngineSample | None = None
        self._down: str | None = "not_read_yet"
        self.line = ""
        """The last reason in words."""
        self._errors: dict[str, int] = {}
        self._tried_seconds = monotonic_seconds()
        self._said: str | None = None
        self._quiet_until: dict[str, float] = {}
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"costmeter-{name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End, with the ledger written; a thread that hangs is left behind."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(0.2)
        if self._meter is not None:
            self._meter.close()

    def poll(self, *, tells: bool = True) -> str | None:
        """One attempt; the keyword of its failure, which `tells` says in words. Never raises. Nothing while another
        attempt still waits."""
        if self._one_at_a_time.acquire(blocking=False):
            try:
                self._down = self._attempt()
                if tells:
                    self._report(self._down)
            finally:
                self._one_at_a_time.release()
        return self._down

    def _attempt(self) -> str | None:
        try:
            sample = self._read()
            now, unix = self._monotonic_seconds(), time.time()
            self._must_be_the_same(sample)
            if self._meter is None:
                self._meter = self._begin(sample, now, unix)
            else:
                self._meter.look(now, unix, sample)
            self._sample = sample
        except Exception as why:  # noqa: BLE001 (whatever a server sends, its thread goes on)
            reason = str(getattr(why, "reason", FAULT))
            self.line = f"{self.name}: {type(why).__name__}: {why}" if reason == FAULT else str(why)
            self.line = self.line if self.name in self.line else f"{self.name}: {self.line}"
            self._errors[reason] = self._errors.get(reason, 0) + 1
            return reason
        finally:
            self._tried_seconds = self._monotonic_seconds()
        return None

    @property
    def down(self) -> str | None:
        """The keyword for why its page is not known now."""
        if self._monotonic_seconds() - self._tried_seconds > STUCK_SECONDS + self._interval_seconds:
            return "timeout"
        return self._down

    def tick(self, now_seconds: float, hour_of_day: int) -> None:
        """Charge the time since the last tick, if the meter has begun."""
        if self._meter is not None:
            self._meter.tick(now_seconds, hour_of_day)

    def state(self) -> TargetState:
        """For the metrics about the target."""
        errors, down = dict(self._errors), self.down
        if self._meter is None or self._sample is None:
            return TargetState(self.name, down, errors)
        return TargetState(
            self.name,
            down,
            errors,
            self._sample.engine,
            self._meter.model_name,
            self._meter.unseen_seconds,
            self._meter.restarts,
        )

    def families(self) -> tuple[Family, ...]:
        """Its meter's, with the target's labels."""
        if self._meter is None:
            return ()
        return tuple(labelled(self._meter.families(self.down), self._labels))

    def _run(self) -> None:
        if self.line:
            self._report(self._down)
        while not self._stopping.is_set():
            self.poll()
            pause = self._interval_seconds * random.uniform(1 - JITTER, 1 + JITTER)
            self._stopping.wait(pause)
        self._close()

    def _must_be_the_same(self, sample: EngineSample) -> None:
        last = self._sample
        if last is None or self._meter is None:
            return
        if sample.engine != last.engine or (sample.model_name or last.model_name) != last.model_name:
            raise OtherServerError(
                f"{self.name} was {last.engine} with the model {last.model_name} and is now {sample.engine} with "
                f"{sample.model_name}: the bill stays with the first; restart the exporter for the new one"
            )

    def _report(self, reason: str | None) -> None:
        now = self._monotonic_seconds()
        if reason is None:
            if self._said is not None:
                self._said = None
                self._tell(f"{self.name} is read again")
            return
        if reason == self._said or now < self._quiet_until.get(reason, now):
            return
        self._said = reason
        self._quiet_until[reason] = now + QUIET_SECONDS
        what = (
            "its time is charged as idle until it is read"
            if self._meter
            else ("it is not metered" if reason in IS_NO_ENGINE else "it is tried again every second")
        )
        self._tell(f"{self.line}; {what}")


class OtherServerError(Exception):
    """Another model answers at the same address."""

    reason = "other_model"
