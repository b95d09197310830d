"""Requests as a real client makes them, each returning the usage that the server reported."""

from __future__ import annotations

import json
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

Usage = dict[str, Any]
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def connection(timeout: float = 120) -> httpx.Client:
    """One that is ready at once. By itself httpx reads the machine's certificates for every client, 27 ms of processor
    time and one thread after the other: on a busy machine requests sent "at once" then began a quarter of a second
    apart, and of several short ones only two ran together."""
    return httpx.Client(timeout=timeout, verify=NO_CERTIFICATES, trust_env=False)


def get(url: str, **fields: Any) -> httpx.Response:
    """Over a connection of its own."""
    with connection() as http:
        return http.get(url, **fields)


def post(url: str, **fields: Any) -> httpx.Response:
    """Over a connection of its own."""
    with connection() as http:
        return http.post(url, **fields)


def complete(url: str, prompt: str, **fields: Any) -> Usage:
    """One completion; `stream=True` reads the whole stream."""
    return ask(f"{url}/v1/completions", {"prompt": prompt, **fields})


def chat(url: str, text: str, **fields: Any) -> Usage:
    """One chat completion; `stream=True` reads the whole stream."""
    return ask(f"{url}/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **fields})


def ask(url: str, fields: dict[str, Any]) -> Usage:
    """Post to the model "tiny" over a connection of its own and return the usage."""
    body = {"model": "tiny", **fields}
    if not fields.get("stream"):
        usage: Usage = post(url, json=body).raise_for_status().json()["usage"]
        return usage
    last: Usage = {}
    body["stream_options"] = {"include_usage": True}
    with connection() as http, http.stream("POST", url, json=body) as response:
        response.raise_for_status()
        for line in response.read().split(
            b"\n"
        ):  # httpx's lines also end at U+0085 and the like inside a text
            if line.startswith(b"data: {"):
                last = json.loads(line.removeprefix(b"data: ")).get("usage") or last
    return last


def abort_midway(url: str, prompt: str, max_tokens: int, **fields: Any) -> None:
    """Start a streamed completion and hang up after its third token."""
    body = {"model": "tiny", "prompt": prompt, "max_tokens": max_tokens, "ignore_eos": True, "stream": True}
    body |= fields
    with connection() as http, http.stream("POST", f"{url}/v1/completions", json=body) as response:
        for chunks, _ in enumerate(response.iter_lines()):
            if chunks >= 6:  # a chunk is two lines
                return


def load(url: str, requests: int, at_once: int = 8, prefix: str = "load", **fields: Any) -> list[Usage]:
    """Many different completions, `at_once` of them at a time."""
    fields = {"max_tokens": 64, "ignore_eos": True} | fields
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(complete, url, f"{prefix} {number} " * 8, **fields) for number in range(requests)]
        return [job.result() for job in jobs]
