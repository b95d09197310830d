"""Ask the installed vLLM about small configurations of every family, for the tests to hold the tables against.

python -m scripts.answers.families [NAME ...]
    ask about lines of tests/data/families_vllm_0.32.jsonl anew, all or some
PYTHONPATH=SOURCES python -m scripts.answers.families --release 0.23
    of families_vllm_0.23.jsonl, by that release's unpacked sources

Each line holds a name, a config.json made small (its own defaults, or sizes of a few hundred), and per parallel layout
vLLM's answer for a pretended H100: weights per pipeline rank, layer kinds, bytes for 1,024 tokens. A configuration is
added by a line with an empty list of answers. Where an architecture's own configuration class is not part of
transformers, the file names Llama's: vLLM's model code reads the same keys from either.
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
    """One per layout that vLLM serves."""
    found = []
    for tensor, pipeline in LAYOUTS:
        layout = {"tensor_parallel_size": tensor, "pipeline_parallel_size": pipeline}
        try:
            answer = vllm.ask(line["config"], layout, lengths=(LENGTH_TOKENS,))
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
