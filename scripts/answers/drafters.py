"""Record what the installed vLLM loads and caches for speculative decoding, as a reference for the tests.

python -m scripts.answers.drafters [NAME ...]
    update all or some lines of tests/data/drafters_vllm_0.32.jsonl

Each line has a name, a scaled-down configuration or `published` (a folder of tests/data/models), and vLLM's
answers per tensor-parallel size `tp`: `weights_bytes` of the drafter, the difference between the deployment
with and without it; with `lengths`, also `caches` of the model and its drafter in a KV cache of 16 GiB. A
head (`is_head`) drafts by its `method` for its `target`, by default a Llama of the same
sizes. To add a line, write it with `"answers": [{"tp": 1}, {"tp": 2}]`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.answers.lines import DATA, Line, Vllm, renew
from vllm_costmeter.plugin.exact import ExactAnswer

FILE = "drafters_vllm_0.32.jsonl"
POOL_BYTES = 16 << 30


def answers(vllm: Vllm, line: Line) -> dict[str, Any]:
    """One answer per tensor-parallel size in the line, with caches if it has lengths."""
    return {"answers": [_answer(vllm, line, one["tp"]) for one in line["answers"]]}


def _answer(vllm: Vllm, line: Line, tensor: int) -> dict[str, Any]:
    config, beside, draft = _files(line)
    lengths = tuple(line.get("lengths", ()))
    arguments: dict[str, Any] = {"tensor_parallel_size": tensor}
    if lengths:
        arguments["max_model_len"] = lengths[-1]
    asked = {"method": _method(line), "num_speculative_tokens": line.get("num_speculative_tokens", 1)}
    if line.get("parallel_drafting"):
        asked["parallel_drafting"] = True
    drafted = vllm.ask(
        config,
        {**arguments, "speculative_config": asked if draft is None else {**asked, "model": "draft"}},
        lengths=lengths,
        pools_bytes=(POOL_BYTES,),
        hf_quant_config=beside,
        draft_config=draft,
    )
    (alone,) = vllm.ask(config, arguments, hf_quant_config=beside).counts.weights_bytes
    found = {"tp": tensor, "weights_bytes": drafted.counts.weights_bytes[0] - alone}
    return {**found, "caches": _caches(drafted)} if lengths else found


def _files(line: Line) -> tuple[Mapping[str, Any], Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """config.json and hf_quant_config.json of the model, config.json of the drafter."""
    if "published" in line:
        folder = DATA / "models" / line["published"]
        beside = folder / "hf_quant_config.json"
        config = json.loads((folder / "config.json").read_text())
        return config, json.loads(beside.read_text()) if beside.is_file() else None, None
    config = line["config"]
    if not line["is_head"]:
        return config, None, None
    if "target" in line:
        return line["target"], None, config
    other_rotation = {
        "rope_theta": 2 * config["rope_theta"]
    }  # layers with equal arguments share a table; a head alone has its own
    return {**config, "architectures": ["LlamaForCausalLM"], **other_rotation}, None, config


def _method(line: Line) -> str:
    if not line["is_head"]:
        return "mtp"
    if "method" in line:
        return str(line["method"])
    return "eagle3" if "Eagle3" in line["config"]["architectures"][0] else "eagle"


def _caches(answer: ExactAnswer) -> dict[str, Any]:
    longest = answer.capacities[-1]
    return {
        "max_num_batched_tokens": answer.counts.max_num_batched_tokens,
        "needed_bytes": [one.bytes_needed[0] for one in answer.lengths],
        "longest": answer.pools[0].longest_length,
        "blocks": longest.num_blocks,
        "max_concurrency": longest.max_concurrency,
    }


def main(names: Sequence[str]) -> int:
    renew(FILE, names, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
