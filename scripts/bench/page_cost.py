"""What open pages cost a server: 50 of them, asking as they are told to, beside the same server with none.

A process of its own serves vLLM's layers (uvicorn, FastAPI, CORS, the request metrics of
prometheus-fastapi-instrumentator) with our routes and a history that is full. Its processor time is the kernel's
count. Prints JSON; `an_hour` counts the first documents, of all moments, once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scripts.servers.vllm_server import free_port

PAGES = 50
WARM_UP_SECONDS = 20
HOUR = 3600
LONGEST_REST_SECONDS = 600


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--seconds",
        type=float,
        default=180,
        help="with pages, and at most ten minutes before them without (default: 180)",
    )
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    port = free_port()
    command = [sys.executable, "-m", "scripts.bench.page_cost", "--serve", str(port)]
    with subprocess.Popen(command) as server:
        try:
            print(json.dumps(asyncio.run(measured(server.pid, port, args.seconds)), indent=2))
        finally:
            server.terminate()


def serve(port: int) -> None:
    """A server whose meter has run for a simulated hour, and runs on."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware
    from prometheus_fastapi_instrumentator import Instrumentator

    from scripts.live_page.simulated import Shown
    from scripts.panels.replica import FLEET, SECONDS
    from vllm_costmeter.plugin.serving.page.routes import add_page_routes

    shown = Shown(FLEET[:1])
    while shown.now < SECONDS:
        shown.tick()
    ahead = shown.now - time.monotonic()
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
    Instrumentator().instrument(app).expose(app)
    add_page_routes(app, shown.page)

    def beat() -> None:
        while True:
            time.sleep(1)
            shown.now = time.monotonic() + ahead
            shown.page.note()

    threading.Thread(target=beat, daemon=True).start()
    uvicorn.run(app, port=port, log_level="error")


async def measured(pid: int, port: int, seconds: float) -> dict[str, Any]:
    """Processor time and memory of that process, before and with pages."""
    import httpx

    url = f"http://127.0.0.1:{port}/costmeter/data"
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=None)) as http:
        while True:
            try:
                first = await http.get(url)
                break
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
        await asyncio.sleep(3)
        began, resting_bytes = processor_seconds(pid), resident_bytes(pid)
        rest = min(seconds, LONGEST_REST_SECONDS)
        await asyncio.sleep(rest)
        resting = (processor_seconds(pid) - began) / rest
        before = processor_seconds(pid)
        answers = await asyncio.gather(*(http.get(url) for _ in range(PAGES)))
        opening = processor_seconds(pid) - before
        asked = [0]
        pages = [asyncio.create_task(polling(http, url, answer.json(), asked)) for answer in answers]
        await asyncio.sleep(WARM_UP_SECONDS)
        before, number = processor_seconds(pid), asked[0]
        await asyncio.sleep(seconds)
        polled = (processor_seconds(pid) - before) / seconds - resting
        requests = (asked[0] - number) / seconds
        for page in pages:
            page.cancel()
    return {
        "pages": PAGES,
        "seconds": seconds,
        "first_document_bytes": len(first.content),
        "opening_all_processor_seconds": round(opening, 3),
        "requests_per_second": round(requests, 2),
        "polling_share_of_a_core": round(polled, 5),
        "an_hour_share_of_a_core": round(polled + opening / HOUR, 5),
        "microseconds_per_request": round(polled / requests * 1e6),
        "added_bytes": resident_bytes(pid) - resting_bytes,
    }


async def polling(http: Any, url: str, told: dict[str, Any], asked: list[int]) -> None:
    """One page, as page.js asks."""
    while True:
        await asyncio.sleep(told["refresh_seconds"])
        rows = told["history"]["rows"]
        since = rows[-2][0] if len(rows) > 1 else told.get("since", -1)
        answer = await http.get(url, params={"instance": told["instance"], "since": since})
        told = answer.json() | {"since": since}
        asked[0] += 1


def processor_seconds(pid: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
