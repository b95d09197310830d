"""What a fit check costs: a whole `costmeter check` process, and a thousand checks in one process. Prints JSON."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODELS = Path(__file__).resolve().parents[2] / "tests" / "data" / "models"
COMMAND = Path(sys.executable).with_name("costmeter")
PROCESSES = 41
CHECKS = 1000
GPUS = "H100 SXM:8"
HEAVY_MODULES = ("torch", "transformers", "vllm")


def main() -> None:
    """Measure and print."""
    print(json.dumps({"process": one_process(), "thousand": a_thousand()}))


def one_process() -> dict[str, Any]:
    """Seconds of `costmeter check` on a local config, start of Python included, and what heavy modules it imported."""
    model = MODELS / "meta-llama__Llama-3.1-8B-Instruct"
    words = ["check", str(model), "--gpu", "RTX 4090", "--format", "json"]
    seconds = []
    for _ in range(PROCESSES):
        started = time.perf_counter()
        subprocess.run([COMMAND, *words], stdout=subprocess.DEVNULL, check=False)
        seconds.append(time.perf_counter() - started)
    listed = "import sys; from vllm_costmeter.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", listed, *words], capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()
    low, _, high = statistics.quantiles(seconds, n=4)
    return {
        "median_seconds": statistics.median(seconds),
        "quartile_seconds": [low, high],
        "heavy_modules": [name for name in HEAVY_MODULES if name in modules],
    }


def a_thousand() -> dict[str, Any]:
    """Seconds for a thousand checks in this process: each published configuration of the tests in turn, read anew.
    `verdict_seconds` is for the verdict and every byte, `seconds` for what the command answers: a refusal comes with
    its suggestions, each of them a check."""
    import vllm_costmeter
    from vllm_costmeter.assembly import assembled
    from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
    from vllm_costmeter.sources.gpu.target import chosen_gpu

    engine_args = EngineArgs(layout=ParallelConfig(tensor_parallel_size=8))
    folders = sorted(folder for folder in MODELS.iterdir() if folder.is_dir())

    def verdict(folder: Path) -> str:
        return assembled(str(folder), chosen_gpu(GPUS, None, engine_args.layout), engine_args).fit().verdict

    def answer(folder: Path) -> str:
        return vllm_costmeter.check(folder, gpu=GPUS, tensor_parallel_size=8).verdict

    alone, _ = timed(folders, verdict)
    seconds, verdicts = timed(folders, answer)
    return {
        "seconds": seconds,
        "verdict_seconds": alone,
        "configurations": len(folders),
        "verdicts": verdicts,
    }


def timed(folders: list[Path], check: Callable[[Path], str]) -> tuple[float, dict[str, int]]:
    """Seconds of CHECKS checks, and how often each verdict came."""
    verdicts: dict[str, int] = {}
    started = time.perf_counter()
    for folder in itertools.islice(itertools.cycle(folders), CHECKS):
        verdict = check(folder)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    return time.perf_counter() - started, verdicts


if __name__ == "__main__":
    main()
