"""A meter that fails all the time changes no byte of what clients get, says so, and recovers."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import client
import pytest
from fault_plugin import install_faults
from harness import METERED, USD_PER_HOUR, Serve
from patience import holds_within

from scripts.servers.scrape import scrape

pytestmark = pytest.mark.heavy

CHANGING = ("id", "created")  # by definition different for each response
PER_TOKEN = ("tokens", "token_logprobs", "top_logprobs")


def answers(url: str) -> list[bytes]:
    """The bodies of 24 completions, plain and streamed, one at a time: with temperature 0 and one sequence per step
    they are functions of the prompt."""
    fields = {
        "model": "tiny",
        "temperature": 0,
        "seed": 1,
        "max_tokens": 24,
        "logprobs": 2,
        "ignore_eos": True,
    }
    bodies = []
    for number in range(24):
        body = {**fields, "prompt": f"tell me of {number}", "stream": number % 2 == 1}
        response = client.post(f"{url}/v1/completions", json=body, timeout=60)
        assert response.status_code == 200
        bodies.append(without_changing(response.text))
    return bodies


def without_changing(text: str) -> bytes:
    """A body without the two fields that no two responses share. Of a stream its text, tokens and probabilities: how
    many tokens one event carries depends on when the client reads."""
    if not text.startswith("data: "):
        whole = json.loads(text)
        return json.dumps({key: value for key, value in whole.items() if key not in CHANGING}).encode()
    events = [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: {")
    ]
    choices = [event["choices"][0] for event in events]
    assert text.rstrip().endswith("data: [DONE]")
    parts = [[choice["text"] for choice in choices], [choices[-1]["finish_reason"]]]
    parts += [[repr(token) for choice in choices for token in choice["logprobs"][of]] for of in PER_TOKEN]
    return "\n".join("".join(part) for part in parts).encode()


def test_responses_are_the_same_bytes_while_the_meter_fails(serve: Serve, tmp_path: Path) -> None:
    """One call in ten into the meter raises, for a minute of requests alone and together; every response is as
    without faults, errors are counted, and afterwards a second costs what it costs."""
    env, switch = install_faults(tmp_path)
    with serve(*METERED, "--no-enable-prefix-caching", env=env) as server:
        healthy = answers(server.url)
        assert scrape(server.url).total("costmeter_errors_total") == 0
        switch.touch()
        assert answers(server.url) == healthy
        with ThreadPoolExecutor(16) as pool:
            busy = [pool.submit(client.get, f"{server.url}/metrics", timeout=60) for _ in range(20)]
            together = {"model": "tiny", "prompt": "all at once", "max_tokens": 64, "ignore_eos": True}
            jobs = [
                pool.submit(client.post, f"{server.url}/v1/completions", json=together, timeout=120)
                for _ in range(100)
            ]
            assert {job.result().json()["usage"]["completion_tokens"] for job in jobs} == {64}
            assert {job.result().status_code for job in busy} == {200}
            assert all("vllm:num_requests_running" in job.result().text for job in busy)
        switch.unlink()
        assert holds_within(lambda: scrape(server.url).total("costmeter_errors_total") > 20)
        errors = scrape(server.url).total("costmeter_errors_total")
        began, before = time.monotonic(), scrape(server.url)
        assert answers(server.url) == healthy
        ended, after = time.monotonic(), scrape(server.url)
        bill = after.total("costmeter_cost_usd_total") - before.total("costmeter_cost_usd_total")
        assert bill == pytest.approx(USD_PER_HOUR / 3600 * (ended - began), rel=0.01, abs=1e-5)
        made = [page.total("costmeter_tokens_total", kind="generated") for page in (before, after)]
        assert made[1] - made[0] == 24 * 24
        assert after.total("costmeter_errors_total") == errors
