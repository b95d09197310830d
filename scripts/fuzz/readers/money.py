"""Prices, plans, bills, load tests and loads."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.fuzz.reader import ROOT, Reader, text_of, written
from vllm_costmeter.sources.bench_results.read import bench_runs
from vllm_costmeter.sources.bills.read import read_bill
from vllm_costmeter.sources.catalogue.api_prices import api_prices
from vllm_costmeter.sources.catalogue.load import Catalogue
from vllm_costmeter.sources.catalogue.price_feeds import gpuhunt, litellm, skypilot
from vllm_costmeter.sources.idle_samples.read import read_samples
from vllm_costmeter.sources.ledger.read import opened_ledger
from vllm_costmeter.sources.load_traces.read import read_trace
from vllm_costmeter.sources.purchase_plans.file import read_plans

TODAY = "2026-11-28"
OURS = Catalogue()


def _plans(data: bytes, folder: Path) -> None:
    read_plans(written(folder, "plans.toml", data))


def _catalogue(data: bytes, folder: Path) -> None:
    found = Catalogue(written(folder, "c.toml", data))
    for row in found._user_rows.get("card", []):
        found.matching(str(row.get("name")))
    if found._user_gpus:
        found.find(next(iter(found._user_gpus)))
    len(found.prices)
    api_prices(found)


def _bench(data: bytes, folder: Path) -> None:
    bench_runs(str(written(folder, "result.json", data)))


def _bill(data: bytes, folder: Path) -> None:
    read_bill(written(folder, "bill.csv", data), {}, credits=False)


def _trace(data: bytes, folder: Path) -> None:
    read_trace(written(folder, "trace", data))


def _samples(data: bytes, folder: Path) -> None:
    read_samples(str(written(folder, "samples.csv", data)))


def _skypilot(data: bytes, folder: Path) -> None:
    skypilot(text_of(data), "x/lambda/vms.csv", None, TODAY, OURS)


def _gpuhunt(data: bytes, folder: Path) -> None:
    gpuhunt(text_of(data), "x/runpod.csv", None, TODAY, OURS)


def _litellm(data: bytes, folder: Path) -> None:
    litellm(text_of(data), "x.json", ("deepinfra", "together_ai", "openai", "anthropic"), TODAY)


def _ledger(data: bytes, folder: Path) -> None:
    with opened_ledger(written(folder, "ledger.sqlite3", data)) as ledger:
        ledger.extent(0, 2e9)
        list(ledger.usage(0, 2e9, 3600))
        list(ledger.rows(0, 2e9))
        list(ledger.shares("adapter", 0, 2e9))


def _ledgers() -> list[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite3"
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA page_size = 512")  # a file of a fifth of the size
        connection.executescript((ROOT / "tests/data/ledger/version_1.sql").read_text())
        connection.close()
        return [path.read_bytes()]


FEEDS = "tests/data/price_feeds"
BENCH = ("sources/bench_results/read.py", "sources/files/fetch.py")
LISTS = ("sources/catalogue/price_feeds.py",)
LEDGERS = ("sources/ledger/read.py", "sources/budgets/spent.py")
MONEY = (
    Reader("plans", "plan files (TOML)", _plans),
    Reader(
        "catalogue",
        "a catalogue of one's own (TOML)",
        _catalogue,
        parses=("sources/catalogue/user_file.py",),
    ),
    Reader("bench", "results of load tests", _bench, ("tests/data/bench_results/*/*.json",), parses=BENCH),
    Reader("bills", "bills (CSV)", _bill, parses=("sources/bills/read.py",)),
    Reader(
        "traces",
        "recorded loads (CSV and JSON lines)",
        _trace,
        parses=("sources/load_traces/read.py",),
    ),
    Reader(
        "idle-samples",
        "minutes of servers (CSV)",
        _samples,
        parses=("sources/idle_samples/read.py",),
    ),
    Reader("skypilot", "skypilot's price list (CSV)", _skypilot, (f"{FEEDS}/lambda/vms.csv",), parses=LISTS),
    Reader("gpuhunt", "gpuhunt's price list (CSV)", _gpuhunt, (f"{FEEDS}/runpod.csv",)),
    Reader("litellm", "litellm's price map (JSON)", _litellm, (f"{FEEDS}/litellm.json",)),
    Reader("ledger", "ledger files (SQLite)", _ledger, built=_ledgers, parses=LEDGERS),
)
