"""Record one vLLM release's answers for a few models, as a reference for the rules of older versions.

PYTHONPATH=SOURCES python -m scripts.answers.older_releases
    add or update that release in tests/data/older_versions.jsonl

SOURCES is an unpacked wheel or source tree of the release: its Python files suffice, nothing is compiled or
downloaded. Each line has one model of tests/data/models in one layout and vLLM's full answer for a fake H100
to the request of scripts/answers/conformance.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from scripts.answers.conformance import MODELS, ROOT, request_for
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.plugin.exact import ExactUnavailableError, VllmWorker

FILE = ROOT / "tests" / "data" / "older_versions.jsonl"
LAYOUTS = (ParallelConfig(), ParallelConfig(8))
ASKED = (
    "meta-llama__Llama-3.1-8B-Instruct",
    "google__gemma-3-27b-it",
    "deepseek-ai__DeepSeek-V3",
    "Qwen__Qwen3.5-35B-A3B",
    "openai__gpt-oss-20b",
    "nvidia__NVIDIA-Nemotron-3-Nano-30B-A3B-BF16",
    "Qwen__Qwen3-VL-8B-Instruct",
)


def main() -> int:
    found = []
    worker = VllmWorker()
    try:
        for name in ASKED:
            for layout in LAYOUTS:
                if not worker.is_alive:
                    worker = VllmWorker()
                try:
                    answer = worker.ask(request_for(MODELS / name, layout))
                except ExactUnavailableError as why:
                    print(f"{name} TP {layout.tensor_parallel_size}: {why}")
                    continue
                print(f"{name} TP {layout.tensor_parallel_size}", flush=True)
                found.append({"model": name, "tp": layout.tensor_parallel_size, "answer": answer.to_json()})
    finally:
        worker.close()
    if not found:
        return 1
    asked = found[0]["answer"]["counts"]["vllm_version"]
    kept = [json.loads(line) for line in FILE.read_text().splitlines()] if Path(FILE).is_file() else []
    kept = [line for line in kept if line["answer"]["counts"]["vllm_version"] != asked]
    FILE.write_text("".join(json.dumps(line) + "\n" for line in [*kept, *found]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
