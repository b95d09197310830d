"""What a table of servers takes from one server's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_stand_in import serving

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fleet.reading import ServerRow
from vllm_costmeter.core.fleet.totals import totals_of
from vllm_costmeter.sources.servers.metrics_text import parse_page
from vllm_costmeter.sources.servers.reading import READ, read_server, reading_of

DATA = Path(__file__).parents[2] / "data"
METERED = (DATA / "exposition" / "everything.prom").read_text()
VLLM_PAGES = [path for path in sorted((DATA / "engines").glob("vllm*.txt")) if "ray-serve" not in path.name]


def test_a_metered_page_says_everything() -> None:
    """Every number of the recorded page with all metrics."""
    page = parse_page(METERED, "page")
    reading = reading_of(page, "all", "1m")
    assert reading.usd_per_hour == page.total("costmeter_price_usd_per_hour")
    assert reading.total_usd == page.total("costmeter_cost_usd_total")
    assert reading.idle_usd == page.total("costmeter_cost_usd_total", state="idle")
    assert reading.joules == page.total("costmeter_energy_joules_total")
    assert reading.usd_per_million == page.total("costmeter_usd_per_million_tokens", per="all", window="1m")
    assert reading.tokens_per_second == page.total("costmeter_tokens_per_second", window="1m")
    assert None not in (reading.total_usd, reading.joules, reading.usd_per_million, reading.tokens_per_second)
    assert reading.model_names == ("org/model-8b",)


@pytest.mark.parametrize("path", VLLM_PAGES, ids=lambda path: path.stem)
def test_a_page_of_vllm_itself_says_no_dollars(path: Path) -> None:
    """Of every recorded release and front end: state and model, no price."""
    reading = reading_of(parse_page(path.read_text(), path.name), "generated", "1m")
    assert reading.model_names in (("tiny",), ("/models/tiny",))
    assert reading.state in (("active",) if path.stem.endswith("load") else ("idle", None))
    assert reading.usd_per_hour is reading.total_usd is reading.usd_per_million is reading.idle_share is None


@pytest.mark.parametrize("per", ["generated", "all"])
@pytest.mark.parametrize("text", [METERED, *(path.read_text() for path in VLLM_PAGES)])
def test_the_lines_that_are_read_are_all_that_is_needed(text: str, per: str) -> None:
    """Reading only them gives what the whole page gives."""
    kept = "\n".join(line for line in text.split("\n") if line.startswith(READ))
    assert reading_of(parse_page(kept, "kept"), per, "5m") == reading_of(  # type: ignore[arg-type]
        parse_page(text, "whole"),
        per,  # type: ignore[arg-type]
        "5m",
    )


def test_replicas_are_counted_and_all_must_sleep() -> None:
    """Two engines, of which one runs a request; asleep only where none is awake."""
    running = 'vllm:num_requests_running{engine="0"} 3\nvllm:num_requests_running{engine="1"} 0\n'
    awake = 'vllm:engine_sleep_state{engine="%d",sleep_state="awake"} %d\n'
    one = reading_of(parse_page(running + awake % (0, 1) + awake % (1, 0), "page"), "all", "1m")
    assert (one.state, one.engines, one.active_engines) == ("active", 2, 1)
    none = reading_of(parse_page(running + awake % (0, 0) + awake % (1, 0), "page"), "all", "1m")
    assert none.state == "asleep"


def test_a_bill_without_idle_time_has_an_idle_share_of_zero() -> None:
    """The state that never was has no sample."""
    page = parse_page('costmeter_cost_usd_total{state="active"} 2', "page")
    assert reading_of(page, "all", "1m").idle_share == 0.0


def test_several_servers_of_an_exporter_are_added_up_before_anything_is_divided() -> None:
    """Two servers of one model, of which one had no tokens: its dollars count, its price per token is not there, and
    KV usage is a mean."""
    one = {"costmeter_usd_per_million_tokens": 2.0, "costmeter_tokens_per_second": 500.0}
    metrics = {
        "a:1": {**one, "costmeter_price_usd_per_hour": 3.6, "costmeter_kv_cache_usage_ratio": 0.9},
        "b:1": {"costmeter_price_usd_per_hour": 14.4, "costmeter_kv_cache_usage_ratio": 0.5},
    }
    labels = 'model_name="m",per="generated",kind="generated",window="1m",state="idle"'
    text = "".join(
        f'{name}{{instance="{server}",{labels}}} {value}\n'
        for server, values in metrics.items()
        for name, value in {**values, "costmeter_cost_usd_total": 1.0}.items()
    )
    reading = reading_of(parse_page(text, "page"), "generated", "1m")
    assert reading.usd_per_million == pytest.approx(18 / 3600 / 500 * 1e6)
    assert reading.kv_cache_usage_ratio == pytest.approx(0.7)


def test_a_price_is_of_the_tokens_of_the_servers_that_have_one() -> None:
    """Behind an exporter; alike where only one of them has a price, and in the total of several addresses."""
    gauge = 'costmeter_tokens_per_second{instance="%s",kind="generated",window="1m"} %s\n'
    counter = 'costmeter_tokens_total{instance="%s",kind="generated"} 1\n'
    for priced in (("a:1",), ("a:1", "b:1")):
        text = "".join(f'costmeter_price_usd_per_hour{{instance="{each}"}} 3.6\n' for each in priced)
        text += "".join(gauge % (each, 1000) for each in priced) + gauge % ("c:1", 9000)
        text += "".join(counter % each for each in (*priced, "c:1"))
        reading = reading_of(parse_page(text, "page"), "generated", "1m")
        assert reading.usd_per_million == pytest.approx(1.0)
        assert reading.tokens_per_second == 9000 + 1000 * len(priced)
        total = totals_of([ServerRow("exporter", reading, None)])
        assert total.usd_per_million == pytest.approx(1.0)


def test_another_page_is_refused_in_one_line() -> None:
    """A web page, an empty one, another program's metrics."""
    for body in ("<html>vllm:</html>", "", "node_load1 0.5\n"):
        with serving(body) as url, pytest.raises(BadInputError, match="no metrics of a vLLM server"):
            read_server(url, "generated", "1m", 5)
