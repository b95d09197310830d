"""`vllm ...` run to its end.

Three quarters of such a run are imports. They happen once, in a process that then forks for every command: what runs is
vLLM's own `main()` in a process of its own, as after a start from nothing.
"""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.servers.vllm_server import VLLM, environment

MOST_SECONDS = 240
FORKING = """
import json, os, signal, sys
import vllm.entrypoints.cli.main
import vllm.entrypoints.cli.benchmark.main
import vllm.entrypoints.cli.serve
import vllm.entrypoints.openai.api_server

print("ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)

signal.alarm(asked["most_seconds"])
os.setsid()
os.environ.clear()
os.environ.update(asked["environment"])
sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
sys.argv = asked["words"]
for descriptor, path in enumerate([os.devnull, asked["stdout"], asked["stderr"]]):
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
sys.exit(vllm.entrypoints.cli.main.main())
"""


def vllm(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """What `vllm ...` said and its status; a run without an end is ended by SIGALRM."""
    with tempfile.TemporaryDirectory() as folder:
        said = [Path(folder) / name for name in ("stdout", "stderr")]
        asked = {
            "words": [str(VLLM), *arguments],
            "environment": environment(env),
            "most_seconds": MOST_SECONDS,
            "stdout": str(said[0]),
            "stderr": str(said[1]),
        }
        forking = _forking()
        assert forking.stdin
        assert forking.stdout
        print(json.dumps(asked), file=forking.stdin, flush=True)
        status = int(forking.stdout.readline())
        return subprocess.CompletedProcess(asked["words"], status, *(file.read_text() for file in said))


@functools.cache
def _forking() -> subprocess.Popen[str]:
    """The process that has imported vLLM; it ends with its standard input, and so with this process."""
    started = subprocess.Popen(
        [sys.executable, "-c", FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        text=True,
    )
    atexit.register(started.kill)
    assert started.stdout
    for line in started.stdout:  # libraries print while they are imported, as amdsmi does without its driver
        if line == "ready\n":
            break
    return started
