"""Blocks of known load on a server, and what each added to its counters."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from scripts.servers.scrape import Scrape, scrape

AT_ONCE = 16
SETTLED_AFTER_SECONDS = 2.5
"""The meter charges what it learns late over the next ticks, one a second."""


@dataclass(frozen=True)
class Load:
    """Tokens of each request."""

    name: str
    prompt_tokens: int
    generated_tokens: int


@dataclass(frozen=True)
class Block:
    """What one block of a load added to the counters."""

    load: str
    active_usd: float
    prefill_usd: float
    prompt_tokens: float
    decode_tokens: float
    waited_prefill_seconds: float
    waited_decode_seconds: float
    methods: tuple[str, ...]
    """Labels under which its active cost was split."""


def run_block(url: str, load: Load, seconds: float) -> Block:
    """`AT_ONCE` clients for so many seconds, each request with a prompt of its own; ends when the last is answered."""
    before = scrape(url)
    end = time.monotonic() + seconds
    faults: list[BaseException] = []

    def drive() -> None:
        try:
            keep_asking(url, load, end)
        except BaseException as fault:  # noqa: BLE001 (told by the thread that waits)
            faults.append(fault)

    clients = [threading.Thread(target=drive) for _ in range(AT_ONCE)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if faults:
        raise faults[0]
    time.sleep(SETTLED_AFTER_SECONDS)
    return added(load.name, before, scrape(url))


def keep_asking(url: str, load: Load, end: float) -> None:
    """One client over one connection."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
    dice = random.Random()
    while time.monotonic() < end:
        prompt = [dice.randrange(10, 250) for _ in range(load.prompt_tokens)]
        body = {"model": "tiny", "prompt": prompt, "max_tokens": load.generated_tokens, "ignore_eos": True}
        connection.request("POST", "/v1/completions", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{answer.status}: {text[:500]!r}")
    connection.close()


def added(load: str, before: Scrape, after: Scrape) -> Block:
    """The difference of two pages."""

    def gain(name: str, **labels: str) -> float:
        return after.total(name, **labels) - before.total(name, **labels)

    split = "costmeter_phase_cost_usd_total"
    methods = {sample.labels["method"] for sample in after.matching(split)}
    generated = gain("costmeter_tokens_total", kind="generated")
    return Block(
        load=load,
        active_usd=gain("costmeter_cost_usd_total", state="active"),
        prefill_usd=gain(split, phase="prefill"),
        prompt_tokens=gain("costmeter_tokens_total", kind="prompt_computed"),
        decode_tokens=generated - gain("vllm:request_success_total"),
        waited_prefill_seconds=gain("vllm:request_prefill_time_seconds_sum"),
        waited_decode_seconds=gain("vllm:request_decode_time_seconds_sum"),
        methods=tuple(sorted(method for method in methods if gain(split, method=method) > 0)),
    )
