"""Record the installed vLLM's answers for small configurations of every family, as a reference for the tests.

python -m scripts.answers.families [NAME ...]
    update all or some lines of tests/data/families_vllm_0.32.jsonl
PYTHONPATH=SOURCES python -m scripts.answers.families --release 0.23
    update families_vllm_0.23.jsonl (or 0.33) with that release's unpacked sources

Each line has a name, a scaled-down config.json (defaults, or sizes of a few hundred) and, per parallel
layout, vLLM's answer for a fake H100: weights per pipeline rank, layer kinds, bytes for 1,024 tokens. A line's
`arguments`, if any, are engine arguments that vLLM does not start without. To add a configuration, add a line with an
empty list of answers. If an architecture's configuration class is not
part of transformers, the file names Llama's: vLLM's model code reads the same keys from either.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from scripts.answers.lines import Line, Vllm, renew
from vllm_costmeter.plugin.exact import ExactUnavailableError

LAYOUTS = ((1, 1), (2, 1), (1, 2))
LENGTH_TOKENS = 1024


def answers(vllm: Vllm, line: Line) -> dict[str, Any]:
    """One answer per layout that vLLM serves."""
    found = []
    for tensor, pipeline in LAYOUTS:
        layout = {"tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline}
        try:
            answer = vllm.ask(line["config"], layout | line.get("arguments", {}), lengths=(LENGTH_TOKENS,))
        except ExactUnavailableError as why:
            print(f"  TP {tensor} PP {pipeline}: {why}")
            continue
        kinds = [
            sorted([one.kind, one.page_bytes, one.block_tokens, one.count] for one in rank)
            for rank in answer.counts.layers
        ]
        found.append(
            {
                "tp": tensor,
                "pp": pipeline,
                "weights_bytes": list(answer.counts.weights_bytes),
                "layers": kinds,
                "bytes_needed": list(answer.lengths[0].bytes_needed),
                "max_model_len": answer.model.max_model_len,
            }
        )
    return {"answers": found}


def main(arguments: Sequence[str]) -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("names", nargs="*", metavar="NAME")
    options.add_argument("--release", default="0.32")
    given = options.parse_args(arguments)
    renew(f"families_vllm_{given.release}.jsonl", given.names, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
