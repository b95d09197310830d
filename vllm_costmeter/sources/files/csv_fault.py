"""A CSV file that Python's reader gives up on."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager

from vllm_costmeter.core.errors import BadInputError


@contextmanager
def csv_or_fault(place: str) -> Iterator[None]:
    """BadInputError in place of csv.Error: a field longer than 128 KiB, a bare carriage return."""
    try:
        yield
    except csv.Error as why:
        raise BadInputError(f"{place} is not a CSV file: {why}") from None
