"""Run exact mode on emulated CPUs and compare the results with this CPU's.

python -m scripts.answers.emulated_cpu CPU [CPU ...]
    Haswell, Nehalem, qemu64 ...: `qemu-x86_64 -cpu help` lists them

Needs qemu-x86_64 (Debian and Ubuntu: qemu-user), which aborts at an instruction that the named CPU lacks.
Exit status 1 if a result differs. About three minutes per CPU.
"""

from __future__ import annotations

import sys
import time

from scripts.answers.conformance import MODELS, request_for
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.plugin.exact import ExactAnswer, ExactUnavailableError, VllmWorker
from vllm_costmeter.plugin.exact.ask import WORKER

ASKED = (
    "meta-llama__Llama-3.1-8B-Instruct",
    "openai__gpt-oss-20b",
    "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4",
)
TIME_LIMIT_SECONDS = 3600.0


def main(cpus: list[str]) -> int:
    here, all_equal = _answers([]), True
    for cpu in cpus:
        began = time.monotonic()
        found = _answers(["qemu-x86_64", "-cpu", cpu])
        equal = found == here and not any(isinstance(answer, str) for answer in found)
        all_equal &= equal
        said = "answers equal to this CPU's" if equal else next(a for a in found if a not in here)
        print(f"{cpu}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    return 0 if all_equal else 1


def _answers(emulator: list[str]) -> list[ExactAnswer | str]:
    """One worker's answer for each model, or the reason why there is none."""
    found: list[ExactAnswer | str] = []
    with VllmWorker(worker=[*emulator, *WORKER], time_limit_seconds=TIME_LIMIT_SECONDS) as process:
        for name in ASKED:
            try:
                found.append(process.ask(request_for(MODELS / name, ParallelConfig())))
            except ExactUnavailableError as why:
                found.append(str(why))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
