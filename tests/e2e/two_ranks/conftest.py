"""Two data-parallel ranks on one machine, metered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import METERED, Serve

from scripts.servers.vllm_server import Server


@pytest.fixture(scope="package")
def two_ranks(serve: Serve) -> Iterator[Server]:
    """The server."""
    with serve(*METERED, "--data-parallel-size", "2") as server:
        yield server
