"""What one input did to a reader, and what of that is a finding."""

from __future__ import annotations

import re
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.fuzz.reader import Reader
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError

MOST_SECONDS = 1.0
"""Of processor time, for one input."""
SLOW_READINGS = 3
"""How often an input is read that was slow; the fastest counts, for a collection of garbage may fall into one."""
ENDLESS_SECONDS = 10.0
LONGEST_LINE = 1000
"""Characters of an error's one line."""


class EndlessError(BaseException):
    """Raised into a reader that has not ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one input."""

    said: str
    """The error's line without its variable parts; empty if the input was read."""
    seconds: float
    finding: str | None = None
    """What is wrong, the same for the same fault."""
    details: str = ""


def outcome_of(reader: Reader, data: bytes, folder: Path) -> Outcome:
    """Runs the reader once. Raises nothing but KeyboardInterrupt and SystemExit."""
    outcome = _read_once(reader, data, folder)
    readings = 1
    while outcome.finding is None and outcome.seconds > MOST_SECONDS and readings < SLOW_READINGS:
        again = _read_once(reader, data, folder)
        outcome = min(outcome, again, key=lambda reading: reading.seconds)
        readings += 1
    if outcome.finding is not None or outcome.seconds <= MOST_SECONDS:
        return outcome
    return replace(
        outcome, finding="slow", details=f"{outcome.seconds:.2f} s of processor time, {len(data)} bytes"
    )


def _read_once(reader: Reader, data: bytes, folder: Path) -> Outcome:
    start = time.thread_time()
    said, finding, details = "", None, ""
    try:
        with _ended():
            reader.read(data, folder)
    except (BadInputError, NotUnderstoodError) as error:
        line = " ".join(str(error).split())
        said = f"{type(error).__name__} {re.sub(r'[0-9]+|' + chr(39) + '.*?' + chr(39), '_', line)[:80]}"
        if not line or len(line) > LONGEST_LINE:
            finding, details = f"a long error: {said}", traceback.format_exc()
    except EndlessError:
        finding, details = f"endless {_place(traceback.format_exc())}", traceback.format_exc()
    except MemoryError:
        finding, details = "memory", traceback.format_exc()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 (that there is none is what is tested)
        text = traceback.format_exc(limit=-30)
        finding, details = f"{type(error).__name__} {_place(text)}", text
    return Outcome(said, time.thread_time() - start, finding, details)


@contextmanager
def _ended() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise EndlessError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, ENDLESS_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _place(text: str) -> str:
    """The innermost line of ours in a traceback."""
    found = re.findall(r'vllm_costmeter/([\w/]+\.py)", line (\d+)', text)
    return ":".join(found[-1]) if found else "outside"
