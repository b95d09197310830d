"""What a piece of code takes of memory and of a processor, whatever else runs beside it."""

from __future__ import annotations

import multiprocessing
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
READINGS = 3


def alone(measure: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """What a function of a module returns in a process of its own. Threads that other tests left in this one (a server
    that answers its last request, a browser's driver) allocate too."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, *given, **named).result()


def traced(act: Callable[[], object]) -> tuple[int, int]:
    """Bytes that Python holds after it and held at most during it."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def takes_at_most(seconds: float, act: Callable[[], object]) -> bool:
    """Of this thread's processor time, in the fastest of three readings: the collection of a whole suite's garbage may
    fall into one."""
    for _ in range(READINGS):
        begin = time.thread_time()
        act()
        if time.thread_time() - begin <= seconds:
            return True
    return False
