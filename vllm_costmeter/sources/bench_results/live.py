"""Measure a running server with three short load tests of `vllm bench serve`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.economics.bench_run import BenchRun
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.bench_results.read import bench_runs
from vllm_costmeter.sources.files.fetch import is_url

CONCURRENCIES = (4, 16, 64)
WAVES, PROMPT_TOKENS, OUTPUT_TOKENS = 5, 512, 128
LONGEST_SECONDS = 900.0


def measured_runs(url: str) -> list[BenchRun]:
    """One run for each concurrency. BadInputError without the `vllm` command, with what to run instead, and for a
    server that does not answer."""
    if not is_url(url):
        raise BadInputError(f"--url must be like http://localhost:8000, got {url!r:.60}")
    vllm = which("vllm") or which("vllm", path=Path(sys.executable).parent)  # a venv need not be on the PATH
    if vllm is None:
        raise BadInputError(
            "the `vllm` command is not installed here: run `vllm bench serve --max-concurrency N --num-prompts "
            f"{WAVES}N --save-result` where it is, and give --from-bench"
        )
    with tempfile.TemporaryDirectory() as folder:
        return [run for number in CONCURRENCIES for run in _measured(vllm, url, number, Path(folder))]


def _measured(vllm: str, url: str, concurrency: int, folder: Path) -> tuple[BenchRun, ...]:
    name = f"concurrency-{concurrency}.json"
    words = [vllm, "bench", "serve", "--base-url", url, "--dataset-name", "random", "--ignore-eos"]
    words += ["--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(OUTPUT_TOKENS)]
    words += ["--num-prompts", str(WAVES * concurrency), "--max-concurrency", str(concurrency)]
    words += ["--seed", str(concurrency)]  # other prompts in each run: the prefix cache holds none of them
    words += ["--save-result", "--result-dir", str(folder), "--result-filename", name]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BadInputError(
            f"--url {url}: `vllm bench serve` with {concurrency} requests at once took over {LONGEST_SECONDS:.0f} s"
        ) from None
    except OSError as fault:
        raise BadInputError(f"--url {url}: `vllm bench serve` did not start: {fault!s:.120}") from None
    if done.returncode or not (folder / name).exists():
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise BadInputError(f"--url {url}: `vllm bench serve` failed: {''.join(last)[:160]}")
    return tuple(
        replace(run, place=f"{url}, {concurrency} at once") for run in bench_runs(str(folder / name))
    )
