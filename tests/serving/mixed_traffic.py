"""The same mixed requests, at a steady pace, to servers with and without the plugin."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import client
import httpx

ADAPTERS = ("first", "second")
TENANTS = ("acme", "globex", "<script>alert(1)</script>", "")
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@dataclass
class Traffic:
    """What was sent to one server, and what its clients were told."""

    sent: dict[str, int] = field(default_factory=dict)
    told_generated: int = 0
    told_prompt: int = 0
    broken: list[str] = field(default_factory=list)
    running: threading.Event = field(default_factory=threading.Event)
    """Cleared: the requests under way end, and no new one begins."""
    under_way: int = 0

    def pause(self) -> None:
        """Until `resume`; returns once nothing is under way."""
        self.running.clear()
        while self.under_way:
            time.sleep(0.05)

    def resume(self) -> None:
        """Go on."""
        self.running.set()


def generating(url: str, chance: random.Random) -> tuple[str, client.Usage]:
    """(kind, usage) of one request that a generating server answers."""
    kind = chance.choice(
        ("completion", "chat", "stream", "chat stream", "abort", "adapter", "several", "bad")
    )
    text = " ".join(chance.choices(WORDS, k=chance.randint(1, 120)))
    user = chance.choice(TENANTS)
    asked = {"max_tokens": chance.randint(1, 48), "ignore_eos": True, "temperature": 0.5}
    asked |= {"user": user} if user else {}
    match kind:
        case "completion":
            return kind, client.complete(url, text, **asked)
        case "stream":
            return kind, client.complete(url, text, **asked, stream=True)
        case "chat":
            return kind, client.chat(url, text, **asked)
        case "chat stream":
            return kind, client.chat(url, text, **asked, stream=True)
        case "adapter":
            return kind, client.complete(url, text, **asked, model=chance.choice(ADAPTERS))
        case "several":
            return kind, client.complete(url, text, **asked, n=3)
        case "abort":
            client.abort_midway(url, text, max_tokens=200)
            return kind, {}
    refused = client.post(f"{url}/v1/completions", json={"model": "tiny", "prompt": text, "max_tokens": -1})
    assert refused.status_code == 400, refused.text
    return kind, {}


def embedding(url: str, chance: random.Random) -> tuple[str, client.Usage]:
    """(kind, usage) of one request that an embedding server answers."""
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(1, 60))) for _ in range(chance.randint(1, 4))]
    body = {"model": "tiny", "input": texts, "user": chance.choice(TENANTS) or None}
    answer = client.post(f"{url}/v1/embeddings", json=body)
    return "embedding", answer.raise_for_status().json()["usage"]


@contextlib.contextmanager
def mixed(
    url: str, ask: Callable[[str, random.Random], tuple[str, client.Usage]], per_second: float, clients: int
) -> Iterator[Traffic]:
    """Requests of the same seeds to whichever server, so many a second in all, while within."""
    traffic, over, lock = Traffic(), threading.Event(), threading.Lock()
    traffic.resume()

    def go_on(seed: int) -> None:
        chance, began = random.Random(seed), time.monotonic()
        for number in itertools.count(1):
            traffic.running.wait()
            if over.is_set():
                return
            with lock:
                traffic.under_way += 1
            try:
                kind, usage = ask(url, chance)
            except (httpx.HTTPError, AssertionError, ValueError) as why:
                with lock:
                    traffic.broken.append(repr(why)[:300])
            else:
                with lock:
                    traffic.sent[kind] = traffic.sent.get(kind, 0) + 1
                    traffic.told_generated += usage.get("completion_tokens") or 0
                    traffic.told_prompt += usage.get("prompt_tokens", 0)
            finally:
                with lock:
                    traffic.under_way -= 1
            ahead = began + number * clients / per_second - time.monotonic()
            if ahead < -1:
                began -= ahead  # a busy machine: keep the pace from here on instead of catching up
            over.wait(max(0.0, ahead))

    threads = [threading.Thread(target=go_on, args=(seed,), daemon=True) for seed in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        over.set()
        traffic.resume()
        for thread in threads:
            thread.join()
