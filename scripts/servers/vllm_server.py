"""A real `vllm serve` as a context manager: started in its process group, awaited, and always stopped."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

VLLM = Path(sys.executable).parent / "vllm"
STOP_WITHIN_SECONDS = 10
PORTS = range(
    10_000, 32_000
)  # below those that the kernel gives to outgoing connections (32768 and up by default)
GUARD = 'read -r _; kill -s TERM -- "-$1"; sleep 10; kill -s KILL -- "-$1"'
"""Ends the group $1 when its standard input is closed; the kernel closes it however this process ends."""
NOT_INHERITED = ("VLLM_PLUGINS", "COSTMETER_", "_COSTMETER_")  # settings of the user's own server


class ServerFailedError(Exception):
    """The server exited or was not ready in time; the message contains the end of its log."""


@dataclass(frozen=True)
class Server:
    """A running server and its log."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def log_text(self) -> str:
        """Everything the server has written so far."""
        return self.log.read_text(errors="replace")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a server on a small machine: no network, no usage report, 1 GiB of KV cache on a
    CPU, and no compilation by PyTorch: a request with logprobs triggers it, and linking fails if the path has
    a space (2.13)."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    inherited.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # containers often set it, and then every start recompiles vLLM
    return {
        **inherited,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "TORCHDYNAMO_DISABLE": "1",
        "PYTHONUNBUFFERED": "1",
        **(extra or {}),
    }


def free_port() -> int:
    """A TCP port that is free now and outside the range of outgoing connections."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def serving(
    model: Path,
    *flags: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    ready_within_seconds: float = 600,
    while_waiting: Callable[[], None] = lambda: None,
) -> Iterator[Server]:
    """A server, ready once /health returns 200. ServerFailedError, with the log's end, if it never does."""
    port = free_port()
    address = ("--host", "127.0.0.1", "--port", str(port))
    small = ("--enforce-eager", "--max-model-len", "1024")
    command = (str(VLLM), "serve", str(model), *small, *flags, *address)
    with running(command, log, environment(env)) as process:
        server = Server(f"http://127.0.0.1:{port}", log, process)
        deadline = time.monotonic() + ready_within_seconds
        while not answers(f"{server.url}/health"):
            if process.poll() is not None:
                raise ServerFailedError(f"vllm serve ended with status {process.returncode}:\n{end_of(log)}")
            if time.monotonic() > deadline:
                raise ServerFailedError(f"not ready after {ready_within_seconds:.0f} s:\n{end_of(log)}")
            while_waiting()
            time.sleep(0.25)
        yield server


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` in a process group that is ended afterwards, even if this process is killed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True
        )
    guard = subprocess.Popen(
        ("sh", "-c", GUARD, "guard", str(process.pid)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        stop_group(process)
        guard.kill()
        guard.communicate()


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """Terminate the whole group, then kill what is left of it."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        try:
            os.killpg(process.pid, sent)
            while time.monotonic() < deadline:
                process.poll()  # a zombie still counts as a member of its group
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def answers(url: str) -> bool:
    """True if a GET of `url` returns 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def end_of(log: Path, lines: int = 40) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
