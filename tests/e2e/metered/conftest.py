"""The server that most tests share: `--plugin costmeter` at a price, without a GPU, beside another installed plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import METERED, SLEEPS, Serve
from moments import Moment, seen
from witness import install_witness

from scripts.servers.vllm_server import Server


@pytest.fixture(scope="package")
def witness(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which another vLLM plugin is installed; it notes where it was loaded."""
    return install_witness(tmp_path_factory.mktemp("witness"))


@pytest.fixture(scope="package")
def metered_from_birth(serve: Serve, witness: dict[str, str]) -> Iterator[tuple[Server, Moment]]:
    """The server and its first page."""
    with serve(*METERED, env=SLEEPS | witness) as server:
        yield server, seen(server)


@pytest.fixture(scope="package")
def metered(metered_from_birth: tuple[Server, Moment]) -> Server:
    """The server."""
    return metered_from_birth[0]
