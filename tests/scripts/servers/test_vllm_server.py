"""What starts servers for tests and measurements: nothing stays alive, ports are free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import holds_within

from scripts.servers.vllm_server import environment, free_port

SERVES = """
import signal
import sys
from pathlib import Path
from scripts.servers.vllm_server import running

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script starts in the background
with running(["sh", "-c", "sleep 1000 & echo $$; wait"], Path(sys.argv[1]), {"PATH": sys.argv[2]}) as process:
    print(process.pid, flush=True)
    sys.stdin.read()
"""


def is_alive(group: int) -> bool:
    """Whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_server_ends_with_whoever_started_it(tmp_path: Path, sent: signal.Signals) -> None:
    """Its whole group, also where the starter is killed and can do nothing more."""
    root = str(Path(__file__).resolve().parents[3])
    starter = subprocess.Popen(
        [sys.executable, "-c", SERVES, str(tmp_path / "log"), os.environ["PATH"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": root},
        text=True,
    )
    assert starter.stdout
    group = int(starter.stdout.readline())
    assert is_alive(group)
    starter.send_signal(sent)
    starter.wait(timeout=60)
    assert holds_within(lambda: not is_alive(group), seconds=30)
    starter.communicate()


def test_a_port_is_no_connection_s() -> None:
    """Below the ports that the kernel hands to outgoing connections: none of them takes it before the server does."""
    first, _ = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert 1024 < free_port() < first


def test_a_server_keeps_its_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that forbids it would compile vLLM at every start. What a person set for their own server is out."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("COSTMETER_GPU_HOURLY_USD", "3")
    assert not {"PYTHONDONTWRITEBYTECODE", "COSTMETER_GPU_HOURLY_USD"} & environment().keys()
