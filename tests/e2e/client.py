"""Requests as a real client makes them, each returning the usage that the server reported."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

Usage = dict[str, Any]


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
        usage: Usage = httpx.post(url, json=body, timeout=120).raise_for_status().json()["usage"]
        return usage
    last: Usage = {}
    body["stream_options"] = {"include_usage": True}
    with httpx.stream("POST", url, json=body, timeout=120) as response:
        response.raise_for_status()
        for line in response.iter_lines():
            if line.startswith("data: {"):
                last = json.loads(line.removeprefix("data: ")).get("usage") or last
    return last


def abort_midway(url: str, prompt: str, max_tokens: int) -> None:
    """Start a streamed completion and hang up after its third token."""
    body = {"model": "tiny", "prompt": prompt, "max_tokens": max_tokens, "ignore_eos": True, "stream": True}
    with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=120) as response:
        for chunks, _ in enumerate(response.iter_lines()):
            if chunks >= 6:  # a chunk is two lines
                return


def load(url: str, requests: int, at_once: int = 8, prefix: str = "load", **fields: Any) -> list[Usage]:
    """Many different completions, `at_once` of them at a time."""
    fields = {"max_tokens": 64, "ignore_eos": True} | fields
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [pool.submit(complete, url, f"{prefix} {number} " * 8, **fields) for number in range(requests)]
        return [job.result() for job in jobs]
