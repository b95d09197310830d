"""Ask the installed vLLM which names `--quantization` takes, for the tests to hold ours against.

python -m scripts.answers.quantization_flags [CHECKPOINT ...]
    ask about lines of tests/data/quantization_flags_vllm_0.32.jsonl anew, all or some

The first line lists vLLM's names. Each other holds a kind of checkpoint, a card's compute capability, a small
config.json, and the names with which vLLM builds it and those that it refuses. For a quantized checkpoint
`weights_bytes` are what it weighs without the flag: a name that gives other bytes is in neither list, nor is one that
fails for want of a package or by an error that is no refusal. A line is added with `"taken": [], "refused": []`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from scripts.answers.lines import Line, Vllm, renew

FILE = "quantization_flags_vllm_0.32.jsonl"
NO_REFUSAL = ("ModuleNotFoundError", "AttributeError", "KeyError")


def answers(vllm: Vllm, line: Line, names: Sequence[str]) -> dict[str, Any]:
    """The names by what vLLM makes of them."""
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
