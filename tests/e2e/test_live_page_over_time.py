"""The live page in a real browser over what happens to servers and to people who look at them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.live_page.browser import look
from scripts.live_page.simulated import simulated
from scripts.panels.replica import FLEET
from vllm_costmeter.core.page.columns import Sample
from vllm_costmeter.metering.live_page import LivePage
from vllm_costmeter.outputs.metrics.http_server import MetricsServer
from vllm_costmeter.outputs.page.answers import JSON, page_or_status
from vllm_costmeter.outputs.page.document import page_document

pytestmark = [pytest.mark.heavy, pytest.mark.usefixtures("page_browser")]

HOSTILE = "<script>alert(1)</script>"
NOTICE = "document.getElementById('notice').textContent"
STATE = "document.getElementById('state').textContent"
TOKENS = (
    "(() => { const v = new View(store.current, '', 'start', null); return v.tokens(v.first, v.now); })()"
)


def document(instance: str, began: float, uptime: float, tokens_per_second: float = 10.0) -> dict[str, Any]:
    """Of a server that has generated tokens since it began."""
    now = 0.0

    def samples() -> list[Sample]:
        if now == 0:
            return []  # the meter is set up in its first second
        return [
            Sample("costmeter_tokens_total", {"kind": "generated"}, now * tokens_per_second),
            Sample("costmeter_gpu_seconds_total", {"state": "idle"}, now),
        ]

    page = LivePage(samples, instance=instance, monotonic_seconds=lambda: now, started_seconds=0.0)
    while now < uptime:
        now += 1
        page.note()
    found: dict[str, Any] = json.loads(page.data())
    return found | {"unix_seconds": began + uptime, "refresh_seconds": 1}


@contextmanager
def answering(next_answer: Callable[[int], dict[str, Any] | int]) -> Iterator[str]:
    """The page with these documents, or errors, in turn; its address."""
    asked = [0]

    def data(may_pass: bool, accept: str, query: str) -> Any:
        answer = next_answer(asked[0])
        asked[0] += 1
        return (answer, b"", JSON) if isinstance(answer, int) else (200, json.dumps(answer).encode(), JSON)

    routes = {
        "/costmeter": lambda may, accept, query: page_or_status(may, accept, dict),
        "/costmeter/data": data,
    }
    server = MetricsServer("127.0.0.1", 0, bytes, routes=routes)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/costmeter"
    finally:
        server.close()


def seen(url: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    (found,) = look([{"url": url, "theme": "light", "width": 1280, "steps": steps, **fields}])
    return found


def test_a_restart_is_told_and_counts_of_two_lives_are_never_mixed() -> None:
    """A new instance that began after the old one was last heard of."""
    lives = [document("a", 1000.0, 500), document("b", 1501.0, 100)]
    with answering(lambda asked: lives[min(1, asked // 2)]) as url:
        found = seen(url, {"wait": 4500}, {"script": NOTICE}, {"script": TOKENS})
    assert "The server restarted at" in found["answers"][0]
    assert found["answers"][1] < 1000, "of the second life alone"
    assert found["complaints"] == []


def test_two_servers_at_one_address_are_told_and_never_mixed() -> None:
    """As behind a load balancer: the first one is drawn, whoever answers last."""
    servers = [document("a", 1000.0, 500), document("b", 1200.0, 301, tokens_per_second=1000)]
    with answering(lambda asked: servers[asked % 2]) as url:
        found = seen(url, {"wait": 5500}, {"script": NOTICE}, {"script": TOKENS})
    assert "2 servers answer at this address (a, b)" in found["answers"][0]
    assert found["answers"][1] == pytest.approx(5000, rel=0.01)


def test_api_processes_of_one_server_may_answer_in_turn() -> None:
    """They have the same instance, moments of their own and columns in an order of their own."""
    whole = document("a", 1000.0, 500)
    other = document("a", 1000.0, 500.4)
    history = other["history"]
    history["columns"].reverse()
    history["rows"] = [[row[0], *reversed(row[1:])] if len(row) == 3 else row for row in history["rows"]]
    with answering(lambda asked: (whole, other)[asked % 2]) as url:
        found = seen(url, {"wait": 4500}, {"script": NOTICE}, {"script": TOKENS})
    assert found["answers"][0] == ""
    assert found["answers"][1] == pytest.approx(5000, rel=0.01)


def test_a_server_that_is_gone_is_told_and_comes_back_by_itself() -> None:
    """The last numbers stay, marked; the next answer is drawn."""
    up = document("a", 1000.0, 60)
    with answering(lambda asked: 503 if asked in (1, 2) else up) as url:
        found = seen(url, {"wait": 4500}, {"script": STATE}, {"wait": 5000}, {"script": STATE})
    assert "Not reached since" in found["answers"][0]
    assert found["answers"][1] == "Live"


def test_what_a_server_had_grown_counts_after_it_left_and_a_gap_is_no_growth() -> None:
    """Two servers of an exporter: one leaves, and comes back with counters that begin anew; the other's counter is
    missing at one moment, to which no growth is ascribed. The last minute, in which a counter was not told, is not
    known."""
    went = document("a", 1000.0, 500)
    name = "tokens:generated"
    went["history"] = {
        "columns": [["one", name], ["two", name], ["one", "active_joules"]],
        "rows": [
            [100, 1000, None, 5e6],
            [200, 1010, 7, None],
            [300, None, 9, 5e6 + 6],
            [400, 1030, None, None],
            [500, 1040, 3, None],
        ],
    }
    grown = "[store.current].map((each) => new View(each, null, 'start', null))[0]"
    asked = [
        f"(() => {{ const v = {grown}; return v.grown(v.first, v.now, '{name}'); }})()",
        f"(() => {{ const v = {grown}; return v.grown(v.first, v.rows[3], '{name}'); }})()",
        f"(() => {{ const v = {grown}; return v.grown(v.first, v.now, 'active_joules'); }})()",
        f"(() => {{ const v = {grown}; return v.grown(v.rows[3], v.now, 'active_joules'); }})()",
    ]
    with answering(lambda number: went) as url:
        found = seen(url, {"wait": 500}, *({"script": each} for each in asked))
    assert found["answers"] == [40 + 9 + 3, 30, 6, None]


@pytest.mark.parametrize("uptime", [0, 3, 90])
def test_it_is_right_from_the_first_second_on(uptime: float) -> None:
    """No chart of nothing, no zero for what is not known."""
    with answering(lambda asked: document("a", 1000.0, uptime)) as url:
        found = seen(url, {"wait": 500}, {"script": "document.querySelector('main').textContent"}, axe=True)
    text = found["answers"][0]
    assert "NaN" not in text
    assert "undefined" not in text
    assert "Infinity" not in text
    assert ("has not counted anything yet" in text) == (uptime == 0)
    assert ("no price is set" in text) == (uptime > 0)
    assert found["complaints"] == []
    assert found["axe"] == []


def hostile(given: Any) -> Any:
    """With every name in it a script."""
    text = json.dumps(given)
    for name in ("llama-3.1-8b", "llama-3.3-70b", "search", "support", "gpu-1:8000", "RTX 4090", "deepinfra"):
        text = text.replace(name, HOSTILE + name[-1])
    return json.loads(text)


@pytest.mark.parametrize("replicas", [FLEET[:1], FLEET], ids=["one", "several"])
def test_names_are_text_wherever_they_stand(replicas: Any, tmp_path: Path) -> None:
    """Models, tenants, servers, GPUs, providers: in a frozen page, in both themes, with a price tried and a server
    chosen; it asks nobody."""
    file = tmp_path / "page.html"
    file.write_text(page_document(hostile(copy.deepcopy(simulated(replicas, 900)))).html)
    steps = (
        {"into": "#trial", "type": "3"},
        {"script": "document.querySelector('input[value=start]').click()"},
        {"script": "document.querySelector('button.link')?.click()"},
        {"script": "document.scripts.length"},
        {"script": "document.body.innerText.includes('<script>alert(1)</script>')"},
    )
    for theme in ("light", "dark"):
        (found,) = look([{"url": file.as_uri(), "theme": theme, "width": 1280, "steps": steps, "axe": True}])
        assert found["answers"][-2:] == [7, True]
        assert found["complaints"] == []
        assert found["axe"] == []
        assert [each for each in found["requests"] if not each.startswith(("file:", "data:"))] == []


def test_a_chart_is_read_by_keyboard(tmp_path: Path) -> None:
    """Arrow keys say the time and every line's value; a summary describes the chart."""
    file = tmp_path / "page.html"
    file.write_text(page_document(simulated(seconds=900)).html)
    steps = (
        {"script": "document.querySelector('#million .plot').focus()"},
        {"press": "ArrowLeft"},
        {"press": "ArrowLeft"},
        {"script": "document.querySelector('#million .at').textContent"},
        {"script": "document.querySelector('#million-said').textContent"},
    )
    found = seen(file.as_uri(), *steps)
    said, described = found["answers"][-2:]
    assert "all tokens $" in said
    assert "generated tokens: now $" in described
