"""Drive the server with vLLM's own benchmark client and show the meter's figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live

from scripts.demo.reading import read
from scripts.demo.table import line, table
from scripts.servers.scrape import scrape
from scripts.servers.vllm_server import VLLM, ServerFailedError, end_of, environment, running

REQUESTS_PER_SECOND = 2
SECONDS_OF_TRAFFIC = 60
SECONDS_OF_SILENCE = 15
SECONDS_BETWEEN_LINES = 5
PROMPT_TOKENS = 256
ANSWER_TOKENS = 128


def client_command(url: str, model: Path) -> tuple[str, ...]:
    """`vllm bench serve` at a fixed rate, so that the demo takes equally long on slow and fast machines."""
    return (
        *(str(VLLM), "bench", "serve", "--base-url", url, "--model", "tiny-llama", "--tokenizer", str(model)),
        *("--dataset-name", "random", "--random-input-len", str(PROMPT_TOKENS)),
        *("--random-output-len", str(ANSWER_TOKENS), "--ignore-eos", "--seed", "1", "--disable-tqdm"),
        *(
            "--request-rate",
            str(REQUESTS_PER_SECOND),
            "--num-prompts",
            str(REQUESTS_PER_SECOND * SECONDS_OF_TRAFFIC),
        ),
    )


def drive_and_watch(url: str, model: Path, log: Path, console: Console) -> None:
    """Traffic, then idle time that still costs money; raises ServerFailedError when the client fails."""
    with Watch(url, console) as watch:
        watch.note("  (the client takes up to a minute to start)")
        with running(client_command(url, model), log, environment()) as client:
            watch.until(lambda: client.poll() is not None)
        if client.returncode:
            raise ServerFailedError(f"vllm bench serve ended with status {client.returncode}:\n{end_of(log)}")
        silence_ends = time.monotonic() + SECONDS_OF_SILENCE
        watch.note("  the client has finished; an idle server costs money too:")
        watch.until(lambda: time.monotonic() > silence_ends)


class Watch:
    """The meter's figures once a second: in place on a terminal, a line every few seconds in a pipe."""

    def __init__(self, url: str, console: Console) -> None:
        self.url = url
        self.console = console
        self.started_seconds = time.monotonic()
        self.next_line_seconds = 0.0
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Watch:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def until(self, done: Callable[[], bool]) -> None:
        """Show a reading a second until `done`."""
        while not done():
            elapsed_seconds = time.monotonic() - self.started_seconds
            reading = read(scrape(self.url))
            if self.live:
                self.live.update(table(reading, elapsed_seconds), refresh=True)
            elif elapsed_seconds >= self.next_line_seconds:
                self.next_line_seconds += SECONDS_BETWEEN_LINES
                print(line(reading, elapsed_seconds), flush=True)
            time.sleep(1)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A remark above the table."""
        self.console.print(text, highlight=False)


def result_of(log: Path) -> str:
    """The client's own result table, without the noise around it."""
    lines = log.read_text(errors="replace").splitlines()
    starts = [index for index, text in enumerate(lines) if "Serving Benchmark Result" in text]
    if not starts:
        return ""
    ends = [index for index, text in enumerate(lines) if index > starts[0] and text.startswith("=====")]
    return "\n".join(f"  {text}" for text in lines[starts[0] : ends[0] + 1]) if ends else ""
