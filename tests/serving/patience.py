"""Ask again until it holds: the meter publishes once a second."""

from __future__ import annotations

import time
from collections.abc import Callable


def holds_within(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """True as soon as `condition` holds, False when it has not by the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
