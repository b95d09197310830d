"""Serve a GGUF file with llama.cpp's own HTTP server: `llama_cpp_server.py MODEL PORT [SLEEP_AFTER_SECONDS]`.

Needs the package `xllamacpp`, which contains llama.cpp's server as a library (CPU wheels; it listens on a
port from 0.2.8 on). /metrics is enabled, with two slots of 2048 tokens. It runs until the process is ended.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 4096
SLOTS = 2


def parameters(model: Path, port: int, sleep_after_seconds: int) -> Any:
    """llama.cpp's `common_params`; settings unknown to an older build are omitted."""
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model)
    wanted.port = port
    wanted.endpoint_metrics = True
    wanted.n_ctx = CONTEXT_TOKENS
    wanted.n_parallel = SLOTS
    wanted.n_gpu_layers = 0
    for name, value in {"warmup": False, "sleep_idle_seconds": sleep_after_seconds}.items():
        if hasattr(wanted, name):
            setattr(wanted, name, value)
    return wanted


def serve(model: Path, port: int, sleep_after_seconds: int = -1) -> None:
    """Serve until the process ends; never returns."""
    import xllamacpp

    server = xllamacpp.Server(parameters(model, port, sleep_after_seconds))
    print(server, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), *(int(seconds) for seconds in sys.argv[3:]))
