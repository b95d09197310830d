"""A measurement of memory or processor time, in a process in which nothing else runs."""

from __future__ import annotations

import multiprocessing
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def alone(measure: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """What a function of a module returns there. Threads that other tests left in this process (a server that answers
    its last request, a browser's driver) allocate too."""
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
