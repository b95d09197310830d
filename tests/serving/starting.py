"""How long a real server took to start, by others than the plugin."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import datetime

from scripts.servers.vllm_server import Server

SERVES = re.compile(r"INFO (\d\d-\d\d \d\d:\d\d:\d\d) .* Starting vLLM server on")


def started_seconds(server: Server, pid: int | None = None) -> float:
    """From the creation of its process, or of that one, as `ps` tells, to the last line in which vLLM says that it
    serves (one of each API process); both to the second."""
    command = ["ps", "-o", "lstart=", "-p", str(pid or server.process.pid)]
    created = subprocess.check_output(command, env={**os.environ, "LC_ALL": "C"}, text=True).strip()
    began = datetime.strptime(created, "%a %b %d %H:%M:%S %Y")
    said = f"{began.year}-{SERVES.findall(server.log_text())[-1]}"
    return (datetime.strptime(said, "%Y-%m-%d %H:%M:%S") - began).total_seconds()
