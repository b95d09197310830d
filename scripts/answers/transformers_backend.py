"""Record what the installed vLLM loads and caches under `--model-impl transformers`, as a reference for the tests.

python -m scripts.answers.transformers_backend [NAME ...]
    update all or some lines of tests/data/transformers_vllm_0.32.jsonl

Each line has a name and a `config`, or the name of a line of families_vllm_0.32.jsonl as `family`; `answers` are bytes
per pipeline rank at TP 1, TP 2 and PP 2, and the format of the layers' cache at TP 1; `refused` is vLLM's reason
instead.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.answers.lines import DATA, Line, Vllm, renew
from vllm_costmeter.plugin.exact import ExactUnavailableError

FILE = "transformers_vllm_0.32.jsonl"
FAMILIES = "families_vllm_0.32.jsonl"
LAYOUTS = ({"tensor_parallel_size": 1}, {"tensor_parallel_size": 2}, {"pipeline_parallel_size": 2})


def config_of(line: Line) -> dict[str, Any]:
    """The line's own configuration, or that of the family's line it names."""
    if "config" in line:
        return dict(line["config"])
    families = (json.loads(each) for each in (DATA / FAMILIES).read_text().splitlines())
    return next(dict(each["config"]) for each in families if each["name"] == line["family"])


def answers(vllm: Vllm, line: Line) -> dict[str, Any]:
    """One answer per layout, or the reason why vLLM has none."""
    found: list[dict[str, Any]] = []
    for layout in LAYOUTS:
        try:
            answer = vllm.ask(config_of(line), {**layout, "model_impl": "transformers"})
        except ExactUnavailableError as why:
            if not found:
                return {"answers": [], "refused": str(why)[:200]}
            found.append({**layout, "refused": str(why)[:200]})
            continue
        found.append({**layout, "weights_bytes": list(answer.counts.weights_bytes)})
        if layout == LAYOUTS[0]:
            found[0]["layers"] = [_format(each) for each in answer.counts.layers[0]]
    return {"answers": found}


def _format(layer: Any) -> Mapping[str, Any]:
    return {
        "kind": layer.kind,
        "bytes_per_token": layer.page_bytes // layer.block_tokens,
        "count": layer.count,
    }


def main(names: Sequence[str]) -> int:
    renew(FILE, names, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
