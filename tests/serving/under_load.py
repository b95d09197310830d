"""Traffic of every kind while something happens to a server, and what must hold afterwards."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import client
import httpx
from closure import must_add_up
from counts import counts
from patience import holds_within

from scripts.servers.vllm_server import Server

KINDS = ("completion", "chat", "stream", "abort")
TOKENS = 24


@dataclass
class Load:
    """What clients asked for and were told; `broken` are requests that ended without an answer."""

    asked_tokens: int = 0
    told_tokens: int = 0
    answered: int = 0
    aborted: int = 0
    broken: list[str] = field(default_factory=list)


@contextlib.contextmanager
def under_load(url: str, clients: int = 3, **fields: object) -> Iterator[Load]:
    """Clients that ask without a pause, each another kind in turn; all have ended on leaving."""
    load, enough, lock = Load(), threading.Event(), threading.Lock()

    def ask(first: int) -> None:
        for number in itertools.count(first):
            if enough.is_set():
                return
            kind = KINDS[number % len(KINDS)]
            with lock:
                load.asked_tokens += TOKENS if kind != "abort" else 10 * TOKENS
            try:
                told = request(url, kind, f"{kind} {first} {number}", fields)
            except (httpx.HTTPError, json.JSONDecodeError, KeyError) as why:  # a stream may end unfinished
                with lock:
                    load.broken.append(f"{kind}: {why!r}")
                if enough.wait(0.2):
                    return
                continue
            with lock:
                load.told_tokens += told
                load.answered += kind != "abort"
                load.aborted += kind == "abort"

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def request(url: str, kind: str, text: str, fields: dict[str, object]) -> int:
    """One request of a kind; the tokens generated for it as its client was told, 0 for one that hung up."""
    asked = {"max_tokens": TOKENS, "ignore_eos": True, **fields}
    if kind == "abort":
        client.abort_midway(url, text, max_tokens=10 * TOKENS, **fields)
        return 0
    if kind == "chat":
        return int(client.chat(url, text, **asked)["completion_tokens"])
    return int(client.complete(url, text, **asked, stream=kind == "stream")["completion_tokens"])


def answers(url: str) -> list[str]:
    """Six completions, one at a time at temperature 0: a function of their prompts."""
    fields = {"model": "tiny", "temperature": 0, "max_tokens": 16, "ignore_eos": True}
    bodies = []
    for number in range(6):
        whole = client.post(f"{url}/v1/completions", json={**fields, "prompt": f"tell me of {number}"}).json()
        bodies.append(json.dumps({key: whole[key] for key in ("choices", "usage", "model")}))
    return bodies


def must_be_exact(server: Server, load: Load) -> None:
    """Ours are vLLM's own counts and no fewer than the clients were told, and the bill adds up."""
    assert holds_within(lambda: len(set(counts(server.url))) == 1, 30), counts(server.url)
    assert counts(server.url)[0].generated >= load.told_tokens
    must_add_up(server.url)
