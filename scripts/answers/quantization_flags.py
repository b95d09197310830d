"""Record which values of `--quantization` the installed vLLM accepts, as a reference for the tests.

python -m scripts.answers.quantization_flags [CHECKPOINT ...]
    update all or some lines of tests/data/quantization_flags_vllm_0.32.jsonl

The first line lists vLLM's names. Each other line has a kind of checkpoint, a GPU's compute capability, a
small config.json, and the names that vLLM accepts for it and those it refuses. For a quantized checkpoint
`weights_bytes` is its size without the flag: a name that gives another size is in neither list, nor is one
that fails for a missing package or with an error that is not a refusal. To add a line, write it with
`"taken": [], "refused": []`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from scripts.answers.lines import Line, Vllm, renew

FILE = "quantization_flags_vllm_0.32.jsonl"
NO_REFUSAL = ("ModuleNotFoundError", "AttributeError", "KeyError")


def answers(vllm: Vllm, line: Line, names: Sequence[str]) -> dict[str, Any]:
    """The names that vLLM accepts and those it refuses."""
    config = line["config"]
    found = {name: vllm.weights_bytes(config, quantization=name) for name in names}
    own = vllm.weights_bytes(config) if "quantization_config" in config else None
    taken = [name for name, bytes_ in found.items() if isinstance(bytes_, int) and own in (None, bytes_)]
    refused = [name for name, why in found.items() if isinstance(why, str) and not why.startswith(NO_REFUSAL)]
    return {"taken": taken, "refused": refused, **({} if own is None else {"weights_bytes": own})}


def main(checkpoints: Sequence[str]) -> int:
    import vllm
    from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS as NAMES

    def answer(worker: Vllm, line: Line) -> dict[str, Any]:
        if "checkpoint" not in line:
            return {"vllm_version": vllm.__version__, "quantization_methods": list(NAMES)}
        return answers(worker, line, NAMES)

    renew(FILE, checkpoints, answer, name_of=lambda line: line.get("checkpoint", "names"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
