"""The measured runs (tests/data/throughput, and a user-supplied ML.ENERGY file) as servers and loads."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.prototypes.serving.kernels import GPUS
from scripts.prototypes.serving.load import Requests
from scripts.prototypes.serving.shapes import SHAPES
from scripts.prototypes.serving.step import ASYNCHRONOUS, SYNCHRONOUS, Server

DATA = Path(__file__).resolve().parents[3] / "tests" / "data"
ASYNCHRONOUS_SINCE = (0, 14)  # vLLM 0.14.0 made asynchronous scheduling the default (release notes, 2026-01)
ML_ENERGY_PROMPTS = {"lm-arena-chat": 120, "gpqa": 250, "sourcegraph-fim": 300}  # not published: assumed
ML_ENERGY_MODELS = {
    "Llama-3.1-70B": "Llama-3.3-70B", "Meta-Llama-3.1-8B": "Llama-3.1-8B", "Qwen3-Coder-30B-A3B": "Qwen3-30B-A3B",
    "DeepSeek-V3.1": "DeepSeek-R1", "DeepSeek-R1-0528": "DeepSeek-R1", "gemma-3-12b-it": "gemma-3-12b",
    "gemma-3-27b-it": "gemma-3-27b", "Llama-4-Scout-17B-16E": "Llama-4-Scout", "Mixtral-8x7B-v0.1": "Mixtral-8x7B",
    "Llama-4-Maverick-17B-128E": "Llama-4-Maverick",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement; seconds and tokens per second, None if not stated."""

    source: str
    model: str
    gpu: str
    gpus: int
    replicas: int
    server: Server
    requests: Requests
    concurrency: float
    sent: int
    tokens_per_second: float | None
    ttft: float | None
    tpot: float | None
    split: str
    most_sequences: int
    attention_dp: int = 1
    reference: str = ""
    stated_rate: bool = True


def _number(text: str) -> float | None:
    return float(text) if text else None


def _host(version: str) -> bool:
    numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdigit())
    return len(numbers) == 2 and numbers >= ASYNCHRONOUS_SINCE


def committed() -> Iterator[Run]:
    """The files of tests/data/throughput."""
    for file in sorted((DATA / "throughput").glob("*.csv")):
        if file.name == "all_reduce.csv":
            continue
        for row in csv.DictReader(file.open()):
            if row["model"] not in SHAPES or row["gpu"] not in GPUS:
                continue
            requests = Requests(float(row["prompt_tokens"]), float(row["output_tokens"]))
            asynchronous = (
                _host(row["version"]) or "async" in row["reference"].lower() or row["source"] == "InferenceX"
            )
            big = GPUS[row["gpu"]].memory > 70 * 2**30 and not row["gpu"].startswith("A100")
            server = Server(
                SHAPES[row["model"]],
                GPUS[row["gpu"]],
                row["weights"],
                kv_bytes=1.0 if row["kv_cache"] == "fp8" else 2.0,
                tp=int(row["tp"]),
                pp=int(row["pp"]),
                expert_parallel=int(row["ep"] or 1) > 1,
                host=ASYNCHRONOUS if asynchronous else SYNCHRONOUS,
                batched_tokens=int(row["max_num_batched_tokens"] or (8192 if big else 2048)),
                accelerated_fp4=row["gpu"].startswith("B"),
            )
            rate, ttft, tpot = (
                _number(row[name]) for name in ("output_tokens_per_second", "ttft_ms", "tpot_ms")
            )
            concurrency = float(row["concurrency"])
            stated = rate is not None
            if rate is None and ttft is not None and tpot is not None:
                rate = concurrency * requests.output * 1e3 / (ttft + (requests.output - 1) * tpot)
            yield Run(
                row["source"], row["model"], row["gpu"], int(row["gpus"]), int(row["replicas"]), server, requests,
                concurrency, int(row["requests"] or 0), rate, ttft and ttft / 1e3, tpot and tpot / 1e3, row["split"],
                int(row["max_num_seqs"] or (1024 if big else 256)), int(row["attention_dp"] or 1),
                row["reference"], stated,
            )  # fmt: skip


def sweep() -> Iterator[Run]:
    """The vLLM runs of arXiv 2606.11690 that keep up with their rate, at the concurrency of Little's law."""
    names = {"Meta-Llama-3.1-8B-Instruct": "Llama-3.1-8B", "Qwen3-30B-A3B-Instruct-2507": "Qwen3-30B-A3B"}
    for row in csv.DictReader((DATA / "measured" / "underutilisation_runs.csv").open()):
        if row["engine"] != "vllm":
            continue
        name = row["model"].rpartition("/")[2]
        name = names.get(name, "Mixtral-8x7B")
        gpu = "H100 SXM" if row["hardware"] == "H100" else "A100 80GB PCIe"
        rate, tpot = float(row["tps_output"]), float(row["tpot_p50_ms"]) / 1e3
        weights = "fp8" if row["precision"] == "fp8" else "bf16"
        server = Server(
            SHAPES[name], GPUS[gpu], weights, tp=int(row["gpus"]), sorts_logits=name != "Mixtral-8x7B"
        )
        requests = Requests(512, 256)
        yield Run(
            "arXiv 2606.11690", name, gpu, int(row["gpus"]), 1, server, requests, max(1.0, rate * tpot), 0, rate,
            float(row["ttft_p50_ms"]) / 1e3, tpot, "fitted", 1024,
        )  # fmt: skip


def ml_energy(file: Path) -> Iterator[Run]:
    """The leaderboard's runs: a file with task, model, wp, gpu, n, tp, ep, batch, out, tps and itl."""
    for row in csv.DictReader(file.open()):
        name = row["model"].rpartition("/")[2]
        for word in ("-Instruct", "-Thinking", "-2507", "-FP8"):
            name = name.replace(word, "")
        name = ML_ENERGY_MODELS.get(name, name)
        if name not in SHAPES:
            continue
        gpu = {"H100": "H100 SXM", "B200": "B200 SXM"}[row["gpu"]]
        weights = {"bfloat16": "bf16", "fp8": "fp8", "mxfp4": "mxfp4"}[row["wp"]]
        tp = max(int(row["tp"]), int(row["ep"]))
        server = Server(
            SHAPES[name],
            GPUS[gpu],
            weights,
            tp=tp,
            expert_parallel=int(row["ep"]) > 1,
            accelerated_fp4=gpu[0] == "B",
            sorts_logits=not name.startswith("gpt-oss"),
        )
        requests = Requests(ML_ENERGY_PROMPTS[row["task"]], float(row["out"]))
        yield Run(
            "ML.ENERGY v3", name, gpu, int(row["n"]), 1, replace(server, host=SYNCHRONOUS), requests,
            float(row["batch"]), 0, float(row["tps"]), None, float(row["itl"]) / 1e3, "fitted", 4096,
        )  # fmt: skip
