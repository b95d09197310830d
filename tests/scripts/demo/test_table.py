"""The demo's table shows what a scrape says, and a dash where it says nothing."""

from __future__ import annotations

import io

from rich.console import Console

from scripts.demo.reading import read
from scripts.demo.table import line, table
from scripts.servers.scrape import parse

PAGE = """\
costmeter_cost_usd_total{model_name="m",state="active",component="rental"} 0.75
costmeter_cost_usd_total{model_name="m",state="idle",component="rental"} 0.25
costmeter_usd_per_million_tokens{model_name="m",per="all",window="1m"} 0.5
costmeter_tokens_per_second{model_name="m",kind="generated",window="1m"} 40
"""


def test_idle_share_is_of_all_dollars() -> None:
    """A quarter of the bill was idle."""
    reading = read(parse(PAGE))
    assert reading.usd == 1.0
    assert reading.idle_share == 0.25


def test_what_is_absent_is_a_dash() -> None:
    """No sample, no number: neither a zero nor a price of nothing."""
    shown = line(read(parse(PAGE)), elapsed_seconds=7)
    assert "all 0.500, generated -, prefill -, decode -" in shown
    assert "40 tokens/s" in shown
    assert "no GPU here" in shown


def test_an_empty_page_has_a_table_all_the_same() -> None:
    """Before the first scrape with samples the table stands, with dashes."""
    console = Console(width=120, file=io.StringIO(), record=True)
    console.print(table(read(parse("")), elapsed_seconds=0))
    assert "idle share" in console.export_text()
