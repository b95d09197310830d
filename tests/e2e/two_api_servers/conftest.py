"""One engine behind two API server processes, metered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import METERED, Serve

from scripts.servers.vllm_server import Server


@pytest.fixture(scope="package")
def two_api_servers(serve: Serve) -> Iterator[Server]:
    """The server."""
    with serve(*METERED, "--api-server-count", "2", "--costmeter-tenant-from", "header") as server:
        yield server
