"""What the live page says in numbers and words, in a real browser: figures, prices typed, servers that left or are
down, and more servers than it keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.live_page.browser import look
from scripts.live_page.simulated import simulated
from vllm_costmeter.core.page.columns import MOST_SERVERS, Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.page.document import page_document

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

SECONDS = 120
PRICE = 3.6
NOTICE = "document.getElementById('notice').textContent"
SPENT = (
    "[...document.querySelectorAll('.tile')].find((each) => each.textContent.startsWith('Spent')).textContent"
)
ROWS = """[...document.querySelectorAll('#content table tbody tr')].map(
  (row) => [...row.children].map((cell) => cell.textContent))"""
BILL = """(() => { const view = new View(store.current, '', 'start', null);
  return view.series((from, to, seconds) => perHour(view.usd(from, to), seconds))[1]; })()"""


def fleet(servers: int, *more: Sample, left: frozenset[int] = frozenset()) -> dict[str, Any]:
    """The page's data of so many busy servers of an exporter after two minutes; some left after one."""
    now = 0.0

    def samples() -> list[Sample]:
        listed = [each for each in range(servers) if not (each in left and now > SECONDS / 2)]
        found = []
        for number in listed:
            of = {"instance": f"gpu-{number}:8000", "model_name": "llama"}
            found += [
                Sample("costmeter_gpu_seconds_total", of | {"state": "active"}, now),
                Sample("costmeter_gpu_seconds_total", of | {"state": "idle"}, 0.0),
                Sample("costmeter_cost_usd_total", of | {"state": "active"}, now * PRICE / 3600),
                Sample("costmeter_cost_usd_total", of | {"state": "idle"}, 0.0),
                Sample("costmeter_tokens_total", of | {"kind": "generated"}, now * 100),
                Sample("costmeter_price_usd_per_hour", of, PRICE),
            ]
        return [*found, *more]

    page = LivePage(samples, instance="fleet", monotonic_seconds=lambda: now, started_seconds=0.0)
    while now < SECONDS:
        now += 1
        page.note()
    told: dict[str, Any] = json.loads(page.data())
    return told


def answers(data: dict[str, Any], folder: Path, *steps: dict[str, Any]) -> list[Any]:
    """What the steps' scripts return on that page, frozen; the page complains of nothing."""
    file = folder / "page.html"
    file.write_text(page_document(data).html)
    (found,) = look(
        [{"url": file.as_uri(), "theme": "light", "width": 1280, "steps": list(steps), "axe": True}]
    )
    assert found["complaints"] == []
    assert found["axe"] == []
    told: list[Any] = found["answers"]
    return told


def test_a_server_that_left_keeps_its_bill_and_has_no_price(tmp_path: Path) -> None:
    """Neither the price of now nor one that is tried is of servers that are no longer listed; what it cost stays."""
    data = fleet(3, left=frozenset({1}))
    steps = ({"script": ROWS}, {"script": SPENT}, {"into": "#trial", "type": "2"}, {"script": SPENT})
    rows, spent, tried = answers(data, tmp_path, *steps)
    by_server = {row[0]: row[1:] for row in rows}
    assert by_server["gpu-0:8000"][:3] == ["llama", "active", "$3.60"]
    assert by_server["gpu-1:8000"][1:3] == ["left", "–"]
    assert by_server["gpu-1:8000"][-1].startswith("$0.0")
    assert "now at $7.20 an hour" in spent
    assert "now at $4.00 an hour" in tried


def test_a_server_that_is_down_is_told_above_the_numbers(tmp_path: Path) -> None:
    """With the reason, and in the table of servers, also if it never answered."""
    down = {"target": "http://gpu-9/metrics", "reason": "timed_out"}
    told, rows = answers(
        fleet(2, Sample("costmeter_target_down_info", down, 1.0)),
        tmp_path,
        {"script": NOTICE},
        {"script": ROWS},
    )
    assert told == "Not read now: gpu-9:80 (timed out)."
    assert rows[-1][:3] == ["gpu-9:80", "–", "down: timed out"]


def test_more_servers_than_it_keeps_are_in_no_number_and_that_is_told(tmp_path: Path) -> None:
    """The price too is of those whose dollars are added up."""
    told, spent = answers(fleet(MOST_SERVERS + 4), tmp_path, {"script": NOTICE}, {"script": SPENT})
    assert f"cover {MOST_SERVERS} of {MOST_SERVERS + 4} servers" in told
    assert f"now at ${MOST_SERVERS * PRICE:.2f} an hour" in spent


def test_the_bill_of_an_hour_is_the_price_at_every_moment(tmp_path: Path) -> None:
    """Of a moment that is a second behind the clock too: dollars are divided by the seconds that were metered."""
    data = simulated(seconds=900)
    data["history"]["rows"][-1][0] += 0.9
    (hourly,) = answers(data, tmp_path, {"script": BILL})
    assert hourly[-1] == pytest.approx(0.55, rel=1e-6)
    assert all(each == pytest.approx(0.55, rel=0.001) for each in hourly[1:] if each is not None)


PRICES = {
    "0.55": 0.55, "$0.55": 0.55, " 2 ": 2, "0,55": 0.55, ".5": 0.5, "3.84/h": 3.84, "$1,234.50": 1234.5, "1,000": 1000,
    "": None, "abc": None, "0": None, "-1": None, "1.2.3": None, "1e99": None, "0x10": None,
    "Infinity": None, "1 2": None,
}  # fmt: skip


def test_prices_are_read_as_people_write_them(tmp_path: Path) -> None:
    """And nothing else is taken for one; who types something else is told so."""
    fault = "document.getElementById('trial-fault').textContent"
    asked = [{"script": f"priceIn({json.dumps(text)})"} for text in PRICES]
    steps = (
        *asked,
        {"into": "#trial", "type": "abc"},
        {"script": fault},
        {"script": f"(document.getElementById('reset').click(), {fault})"},
    )
    *found, told, gone = answers(fleet(1), tmp_path, *steps)
    assert found == list(PRICES.values())
    assert told.startswith("Not a price")
    assert gone == ""


FIGURES = {
    "duration(59)": "59 s", "duration(92)": "1 min 32 s", "duration(3599)": "59 min", "duration(5400)": "1 h 30 min",
    "duration(90000)": "1 d 1 h", "gib(4989440)": "4.76 MiB", "gib(0)": "0.00 GiB", "gib(1 << 30)": "1.00 GiB",
    "gib(null)": "unknown", "usd(0.000481)": "$0.000481", "usd(null)": "unknown", "count(14100)": "14.1k",
}  # fmt: skip


def test_figures_are_read_without_a_second_thought(tmp_path: Path) -> None:
    """A span that explains the dollars beside it, bytes that are not rounded to nothing, and times of a minute's chart
    that nobody takes for hours."""
    *found, time = answers(
        fleet(1),
        tmp_path,
        *({"script": each} for each in FIGURES),
        {"script": "clockWithSeconds(1764385965)"},
    )
    assert found == list(FIGURES.values())
    assert len(time.split(":")) == 3
