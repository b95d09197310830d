"""A fit check against an empty interpreter and against kvfit, installed into one environment. Prints JSON.

Processes run in turn and are compared pair by pair, by processor time: what else the machine does changes both. kvfit
reads models from the Hub alone, so a stand-in of it on this machine serves the same config.json; kvfit 0.3 knows no
RTX 4090, so it is asked about an L40S.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scripts.bench.paired import median_interval

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples" / "models" / "llama-3.1-8b"
CHECK = ("check", str(MODEL), "--gpu", "RTX 4090", "--max-model-len", "8192")
KVFIT = "kvfit==0.3.0"  # the newest on 2026-11-28
KVFIT_WORDS = ("example/llama", "--hardware", "l40s-48", "--gpus", "1", "--context", "8192")
KVFIT_OF_STAND_IN = (
    "import sys, kvfit.hf; kvfit.hf.HF_BASE = sys.argv.pop(1); from kvfit.cli import main; sys.exit(main())"
)
EMPTY = ("-c", "import json, argparse")
OWN_MODULES = (
    "import contextlib, io, sys; from vllm_costmeter.cli.main import main\n"
    "with contextlib.redirect_stdout(io.StringIO()): main(sys.argv[1:])\n"
    "print(sum(name.partition('.')[0] == 'vllm_costmeter' for name in sys.modules))"
)
PAIRS = 21


def main() -> None:
    """Install both, measure, print."""
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # containers often set it: both would be compiled at each start
    with tempfile.TemporaryDirectory() as folder, hub_stand_in() as hub:
        python, bytes_added = installed(Path(folder))
        costmeter = (python.with_name("costmeter"), *CHECK)
        kvfit = (python, "-c", KVFIT_OF_STAND_IN, hub, *KVFIT_WORDS)
        modules = subprocess.check_output([python, "-c", OWN_MODULES, *CHECK], text=True)
        found = {
            "base_install_bytes": bytes_added,
            "modules": int(modules),
            "empty_interpreters": compared(costmeter, (python, *EMPTY)),
            "kvfit": compared(costmeter, kvfit),
        }
    print(json.dumps(found))


def installed(folder: Path) -> tuple[Path, int]:
    """The interpreter of a new environment with this checkout and kvfit, and the bytes that ours added to it."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    empty = bytes_in(folder)
    subprocess.run([*install, ROOT], check=True)
    added = bytes_in(folder) - empty
    subprocess.run([*install, KVFIT], check=True)
    return python, added


def bytes_in(folder: Path) -> int:
    """Sum of the files' sizes, compiled modules included."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def compared(ours: Sequence[Any], other: Sequence[Any], pairs: int = PAIRS) -> dict[str, Any]:
    """Processor seconds of both, and the ratio of each pair; a first run of each is not counted."""
    for command in (ours, other):
        cpu_seconds(command)
    each = [(cpu_seconds(ours), cpu_seconds(other)) for _ in range(pairs)]
    ratios = [first / second for first, second in each]
    return {
        "ratio": statistics.median(ratios),
        "confidence": list(median_interval(ratios)),
        "seconds": statistics.median(first for first, _ in each),
        "other_seconds": statistics.median(second for _, second in each),
    }


def cpu_seconds(command: Sequence[Any]) -> float:
    """User and system time of one whole process. RuntimeError where it fails."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


@contextmanager
def hub_stand_in() -> Iterator[str]:
    """The address of a Hub with one model: its config.json and its listing."""
    config = (MODEL / "config.json").read_bytes()
    listing = {"id": "example/llama", "sha": "0" * 40, "siblings": [{"rfilename": "config.json"}]}
    listing["safetensors"] = {"parameters": {"BF16": 8_030_261_248}, "total": 8_030_261_248}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(listing).encode() if self.path.startswith("/api/") else config
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
