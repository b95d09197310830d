"""The files that a server was started with change, break and vanish while it serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import USD_PER_HOUR, Serve
from moments import added, seen
from patience import holds_within
from under_load import answers, must_be_exact, under_load

from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server
from vllm_costmeter.cli.main import main

from .conftest import Found

pytestmark = pytest.mark.chaos

FAULT_SECONDS = 10
READ_WITHIN_SECONDS = 90
SETTINGS = 'gpu = "RTX 4090"\ncatalogue = "{catalogue}"\ntenant_from = ["header"]\ntenant_names = "plain"\n'
CATALOGUE = """
[[price]]
gpu = "RTX 4090"
provider = "nobody"
term = "on-demand"
usd_per_gpu_hour = {price}
as_of = "2026-11-01"
source = "made up"
"""


@dataclass
class Files:
    """A server whose price is in a catalogue that its settings name, beside budgets."""

    server: Server
    settings: Path
    catalogue: Path
    budgets: Path
    ledger: Path

    def set_budget(self, usd: str) -> None:
        given = ("budget", "set", "acme", usd, "--per", "month", "--new", "--ledger", str(self.ledger))
        assert main(list(given)) == 0

    def budget(self) -> float:
        """As the server shows it; 0 where there is none."""
        return scrape(self.server.url).total("costmeter_budget_usd", tenant="acme")


@pytest.fixture(scope="module")
def files(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    folder = tmp_path_factory.mktemp("files")
    settings, catalogue, ledger = (
        folder / name for name in ("settings.toml", "prices.toml", "ledger.sqlite3")
    )
    settings.write_text(SETTINGS.format(catalogue=catalogue))
    catalogue.write_text(CATALOGUE.format(price=USD_PER_HOUR))
    given = ("--plugin", "costmeter", "--costmeter-config", str(settings), "--costmeter-ledger", str(ledger))
    with serve(*given, "--no-enable-prefix-caching") as server:
        yield Files(server, settings, catalogue, folder / "budgets.json", ledger)


def held(files: Files) -> dict[str, object]:
    """Figures of some seconds in which requests, tokens and dollars went on at the price of the start."""
    server = files.server
    healthy, before = answers(server.url), seen(server)
    with under_load(server.url) as load:
        time.sleep(FAULT_SECONDS)
    assert answers(server.url) == healthy
    after = seen(server)
    assert load.broken == []
    must_be_exact(server, load)
    rate = added(before, after, "costmeter_cost_usd_total") * 3600 / (after.seconds - before.seconds)
    assert rate == pytest.approx(USD_PER_HOUR, rel=0.02)
    assert after.page.total("costmeter_errors_total") == 0
    return {"requests": load.answered + load.aborted, "usd_error": rate / USD_PER_HOUR - 1}


def dearer(files: Files) -> None:
    files.settings.write_text(files.settings.read_text() + "node_hourly_usd = 99.0\n")
    files.catalogue.write_text(CATALOGUE.format(price=99.0))


def broken(files: Files) -> None:
    files.settings.write_text('gpu = "')
    files.catalogue.write_bytes(b"[[price\xff")


def removed(files: Files) -> None:
    files.settings.unlink()
    files.catalogue.unlink()


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("settings and catalogue name another price", dearer),
        ("settings and catalogue are edited into nonsense", broken),
        ("settings and catalogue are removed", removed),
    ],
)
def test_the_price_is_that_of_the_start(
    files: Files, fault: str, change: Callable[[Files], None], found: Found
) -> None:
    """A bill does not change its price half way; a start reads the new one."""
    originals = {path: path.read_bytes() for path in (files.settings, files.catalogue)}
    change(files)
    try:
        figures = held(files)
    finally:
        for path, content in originals.items():
            path.write_bytes(content)
    found(fault, "nothing: the price stays that of the start", **figures)


def test_budgets_are_read_again(files: Files, found: Found) -> None:
    """A change counts soon, a broken file leaves the last budgets, and without a file there are none."""
    files.set_budget("10")
    assert holds_within(lambda: files.budget() == 10, READ_WITHIN_SECONDS)
    files.set_budget("20")
    assert holds_within(lambda: files.budget() == 20, READ_WITHIN_SECONDS)
    good = files.budgets.read_text()
    files.budgets.write_text(good[:40])
    assert holds_within(lambda: "budgets cannot be read now" in files.server.log_text(), READ_WITHIN_SECONDS)
    figures = held(files)
    assert files.budget() == 20
    files.budgets.write_text(good.replace("20", "30"))
    assert holds_within(lambda: files.budget() == 30, READ_WITHIN_SECONDS)
    found(
        "the budgets file is edited into nonsense",
        "no request; the last budgets stand until it is repaired",
        **figures,
    )
    files.budgets.unlink()
    assert holds_within(lambda: files.budget() == 0, READ_WITHIN_SECONDS)
    found("the budgets file is removed", "no request; there are no budgets", **held(files))
