"""The live page of a real server under load, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import client
import pytest
from harness import METERED, Serve
from required_browser import required_browser

from scripts.live_page.browser import HERE as PACKAGES
from scripts.live_page.browser import look
from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import Server

pytestmark = pytest.mark.heavy

HOSTILE = "<script>alert(1)</script>"
KEY = "sk-of-the-server"
HEADERS = {"Authorization": f"Bearer {KEY}"}
LOOKS_SECONDS = 6
CHARTS = "[...document.querySelectorAll('figure.card:not([hidden])')].map((each) => each.id)"
INKED = """[...document.querySelectorAll('figure.card:not([hidden]) canvas')].map((canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some((value) => value !== 0);
})"""


@pytest.fixture(scope="module")
def loaded(serve: Serve) -> Iterator[Server]:
    """A server with an API key, a root path and the worst of names, after some load."""
    required_browser(PACKAGES)
    flags = ("--served-model-name", HOSTILE, "--api-key", KEY, "--root-path", "/llm")
    with serve(*METERED, *flags) as server:
        until = time.monotonic() + 8

        def ask(number: int) -> None:
            body = {"model": HOSTILE, "prompt": f"{number} " * 20, "max_tokens": 16, "ignore_eos": True}
            while time.monotonic() < until:
                client.post(f"{server.url}/v1/completions", json=body, headers=HEADERS).raise_for_status()

        with ThreadPoolExecutor(2) as clients:
            list(clients.map(ask, range(2)))
        time.sleep(3)  # until the last second is published
        yield server


def steps(*scripts: str) -> list[dict[str, Any]]:
    """Give the key, wait for the data, run the scripts."""
    return [
        {"into": "#secret", "type": KEY},
        {"press": "Enter"},
        {"wait": LOOKS_SECONDS * 1000},
        *({"script": script} for script in scripts),
    ]


def test_it_draws_what_metrics_says_and_asks_nobody_else(loaded: Server) -> None:
    """Charts have ink, tokens and dollars are those of /metrics, names are text, axe has no objection in either theme,
    the console is silent, and every request goes to this server."""
    before = scrape(loaded.url)
    numbers = (
        "(() => { const view = new View(store.current, '', 'start', null); return [view.tokens(view.first, view.now, "
        "['generated']), view.usd(view.first, view.now), view.grown(view.first, view.now, 'requests'), "
        "store.current.document.uptime_seconds]; })()"
    )
    asked = steps(
        CHARTS, INKED, "document.querySelector('h1').textContent", "document.scripts.length", numbers
    )
    looks = [
        {"url": f"{loaded.url}/costmeter", "theme": theme, "width": width, "steps": asked, "axe": True}
        for theme, width in (("light", 1280), ("dark", 390))
    ]
    found = look(looks)
    after = scrape(loaded.url)
    for seen in found:
        charts, inked, name, scripts, (tokens, usd, requests, uptime) = seen["answers"]
        assert {"million", "bill", "tokens", "request", "kv"} <= set(charts)
        assert all(inked)
        assert (name, scripts) == (HOSTILE, 6)
        assert tokens == after.total("costmeter_tokens_total", kind="generated") > 0
        assert before.total("costmeter_cost_usd_total") <= usd <= after.total("costmeter_cost_usd_total")
        assert requests == after.value("costmeter_request_cost_usd_count")
        metered = before.total("costmeter_gpu_seconds_total"), after.total("costmeter_gpu_seconds_total")
        assert metered[0] - 3 <= uptime <= metered[1] + 3, "the page and the meter of one GPU began together"
        assert [each for each in seen["requests"] if not each.startswith((f"{loaded.url}/", "data:"))] == []
        refused = [line for line in seen["complaints"] if "401" not in line]
        assert refused == [], "the first question, without the key, is all that may be refused"
        assert seen["axe"] == []


def test_a_wrong_key_is_told_and_a_right_one_works_afterwards(loaded: Server) -> None:
    """No data before."""
    told = "document.getElementById('refused').textContent"
    tiles = "document.querySelectorAll('.tile').length"
    script = [
        {"into": "#secret", "type": "sk-wrong"},
        {"press": "Enter"},
        {"wait": 1500},
        {"script": told},
        {"script": tiles},
        *steps(tiles),
    ]
    (seen,) = look([{"url": f"{loaded.url}/costmeter", "theme": "light", "width": 1280, "steps": script}])
    said, before, after = seen["answers"]
    assert "not its key" in said
    assert before == 0 < after


def test_a_price_that_is_tried_changes_every_dollar_in_the_browser_alone(loaded: Server) -> None:
    """The bill is the price times the hours, of moments a tick apart at most; the server charges on."""
    shown = (
        "(() => { const view = new View(store.current, '', 'start', shown.trial); return [view.usd(view.first, "
        "view.now), view.span, shown.trial]; })()"
    )
    script = [*steps(), {"into": "#trial", "type": "36.5"}, {"wait": 300}, {"script": shown}]
    (seen,) = look([{"url": f"{loaded.url}/costmeter", "theme": "light", "width": 1280, "steps": script}])
    usd, seconds, price = seen["answers"][-1]
    assert price == 36.5
    assert usd == pytest.approx(36.5 * seconds / 3600, abs=36.5 * 2 / 3600)
