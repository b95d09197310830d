"""Record the size of torchao checkpoints in the installed vLLM and torchao, as a reference for the tests.

python -m scripts.answers.torchao [NAME ...]     update all or some lines of
tests/data/torchao_vllm_0.32.jsonl

Each line has a name, a small config.json with torchao's section, and vLLM's bytes per tensor-parallel size
`tp`; null if torchao refuses. If vLLM's environment lacks torchao, `PYTHONPATH=UNPACKED_WHEEL` before the
command suffices: the recorded answers are from 0.18.0. To add a line, write it with `"answers": [{"tp": 1},
{"tp": 2}]`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from scripts.answers.lines import Line, Vllm, renew

FILE = "torchao_vllm_0.32.jsonl"


def answers(vllm: Vllm, line: Line) -> dict[str, Any]:
    """One answer per tensor-parallel size in the line."""
    found = []
    for one in line["answers"]:
        bytes_ = vllm.weights_bytes(line["config"], tensor_parallel_size=one["tp"])
        if isinstance(bytes_, str):
            print(f"  TP {one['tp']}: {bytes_}")
        found.append({"tp": one["tp"], "weights_bytes": None if isinstance(bytes_, str) else bytes_})
    return {"answers": found}


def main(names: Sequence[str]) -> int:
    if importlib.util.find_spec("torchao") is None:
        print("torchao is not installed: vLLM would refuse every line", file=sys.stderr)
        return 2
    renew(FILE, names, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
