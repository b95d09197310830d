"""The measured runs (tests/data/throughput, and a user-supplied ML.ENERGY file) as engines and loads."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.accuracy.serving_models import measured_model
from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import NEWEST
from vllm_costmeter.core.serving.host import Host
from vllm_costmeter.core.serving.load import Requests
from vllm_costmeter.core.serving.served_model import served_model
from vllm_costmeter.core.serving.serving_gpu import serving_gpu
from vllm_costmeter.core.serving.step import Engine
from vllm_costmeter.sources.catalogue.load import find_gpu

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
ASYNCHRONOUS_SINCE = (0, 14)  # vLLM 0.14.0 made asynchronous scheduling the default (release notes, 2026-01)
DEFAULT_CAPTURE_TOKENS = (
    512  # of max_cudagraph_capture_size with 256 sequences or more, in the releases measured
)
ML_ENERGY_PROMPTS = {"lm-arena-chat": 120, "gpqa": 250, "sourcegraph-fim": 300}  # not published: assumed
ML_ENERGY_MODELS = {
    "Llama-3.1-70B": "Llama-3.3-70B",
    "Meta-Llama-3.1-8B": "Llama-3.1-8B",
    "Qwen3-Coder-30B-A3B": "Qwen3-30B-A3B",
    "DeepSeek-V3.1": "DeepSeek-R1",
    "DeepSeek-R1-0528": "DeepSeek-R1",
    "Mixtral-8x7B-v0.1": "Mixtral-8x7B",
}
CATALOGUE_NAMES = {
    "RTX PRO 6000 Blackwell Server": "RTX PRO 6000 Server",
    "RTX PRO 5000 Blackwell": "RTX PRO 5000",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement; seconds and tokens per second, None if not stated."""

    source: str
    model: str
    weights: str
    gpu: str
    gpus: int
    replicas: int
    engine: Engine
    requests: Requests
    concurrency: float
    sent: int
    """Requests in the run; 0: not stated."""
    most_running: float
    """How many of them fit into the KV cache and --max-num-seqs."""
    most_sequences: int
    tokens_per_second: float | None
    ttft_seconds: float | None
    tpot_seconds: float | None
    split: str
    reference: str = ""

    @property
    def is_batch(self) -> bool:
        """Whether (nearly) all requests arrive at once, so that no steady state is reached."""
        return 0 < self.sent <= 4 * self.concurrency


def committed() -> Iterator[Run]:
    """The files of tests/data/throughput, without runs of attention data parallelism, which stated no load per rank."""
    for file in sorted((DATA / "throughput").glob("*.csv")):
        if file.name == "all_reduce.csv":
            continue
        for row in csv.DictReader(file.open()):
            if int(row["attention_dp"] or 1) > 1:
                continue
            model = measured_model(row["model"], row["weights"])
            if model is not None and (run := _run(row, model)) is not None:
                yield run


def _run(row: dict[str, str], model: Model) -> Run | None:
    requests = Requests(float(row["prompt_tokens"]), float(row["output_tokens"]))
    is_hidden = (
        _is_asynchronous(row["version"])
        or "async" in row["reference"].lower()
        or row["source"] == "InferenceX"
    )
    layout = ParallelConfig(int(row["tp"]), int(row["pp"]), enable_expert_parallel=int(row["ep"] or 1) > 1)
    spec = find_gpu(CATALOGUE_NAMES.get(row["gpu"], row["gpu"]))
    is_big = (spec.memory_bytes or 0) > 70 * 2**30 and not row["gpu"].startswith("A100")
    batched = int(row["max_num_batched_tokens"] or (8192 if is_big else 2048))
    args = EngineArgs(layout=layout, kv_cache_dtype="fp8" if row["kv_cache"] == "fp8" else "auto")
    engine = _engine(model, args, row["gpu"], batched, is_hidden=is_hidden, sorts=False)
    if engine is None:
        return None
    captured = int(row.get("max_cudagraph_capture_size") or DEFAULT_CAPTURE_TOKENS)
    engine = replace(
        engine,
        captured_tokens=min(captured, batched),
        multiplies_float32=row.get("float32_matmul_precision") != "high",
    )
    rate, ttft, tpot = (_number(row[name]) for name in ("output_tokens_per_second", "ttft_ms", "tpot_ms"))
    concurrency = float(row["concurrency"])
    if rate is None and ttft is not None and tpot is not None:
        rate = concurrency * requests.output_tokens * 1e3 / (ttft + (requests.output_tokens - 1) * tpot)
    most_sequences = int(row["max_num_seqs"] or (1024 if is_big else 256))
    return Run(
        source=row["source"],
        model=row["model"],
        weights=row["weights"],
        gpu=row["gpu"],
        gpus=int(row["gpus"]),
        replicas=int(row["replicas"]),
        engine=engine,
        requests=requests,
        concurrency=concurrency,
        sent=int(row["requests"] or 0),
        most_running=min(_room(model, args, row["gpu"], requests), most_sequences),
        most_sequences=most_sequences,
        tokens_per_second=rate,
        ttft_seconds=None if ttft is None else ttft / 1e3,
        tpot_seconds=None if tpot is None else tpot / 1e3,
        split=row["split"],
        reference=row["reference"],
    )


def _engine(
    model: Model, args: EngineArgs, gpu: str, batched: int, *, is_hidden: bool, sorts: bool
) -> Engine | None:
    spec = find_gpu(CATALOGUE_NAMES.get(gpu, gpu))
    try:
        part = served_model(model, args, NEWEST, spec)
    except (BadInputError, NotUnderstoodError):
        return None
    return Engine(part, serving_gpu(spec), args.layout, batched, Host(is_hidden=is_hidden), sorts)


def _room(model: Model, args: EngineArgs, gpu: str, requests: Requests) -> float:
    """Requests of mean length in the KV cache, by the fit check; no limit where it has no answer."""
    spec = find_gpu(CATALOGUE_NAMES.get(gpu, gpu))
    try:
        check = assembled(
            model, spec.as_gpu(args.layout.world_size), args, release=NEWEST, calibration="none"
        )
        found = check.fit()
    except (BadInputError, NotUnderstoodError):
        return float("inf")
    if found.kv_cache is None or found.kv_cache.tokens <= 0:
        return float("inf")
    return max(1.0, found.kv_cache.tokens / requests.mean_context)


def sweep() -> Iterator[Run]:
    """The vLLM runs of arXiv 2606.11690 that keep up with their rate, at the concurrency of Little's law."""
    names = {"Meta-Llama-3.1-8B-Instruct": "Llama-3.1-8B", "Qwen3-30B-A3B-Instruct-2507": "Qwen3-30B-A3B"}
    for row in csv.DictReader((DATA / "measured" / "underutilisation_runs.csv").open()):
        if row["engine"] != "vllm":
            continue
        name = names.get(row["model"].rpartition("/")[2], "Mixtral-8x7B")
        gpu = "H100 SXM" if row["hardware"] == "H100" else "A100 80GB PCIe"
        rate, tpot = float(row["tps_output"]), float(row["tpot_p50_ms"]) / 1e3
        weights = "fp8" if row["precision"] == "fp8" else "bf16"
        layout = ParallelConfig(int(row["gpus"]))
        model = measured_model(name, weights)
        assert model is not None
        engine = _engine(
            model, EngineArgs(layout=layout), gpu, 8192, is_hidden=False, sorts=name != "Mixtral-8x7B"
        )
        assert engine is not None
        yield Run(
            source="arXiv 2606.11690",
            model=name,
            weights=weights,
            gpu=gpu,
            gpus=int(row["gpus"]),
            replicas=1,
            engine=engine,
            requests=Requests(512, 256),
            concurrency=max(1.0, rate * tpot),
            sent=0,
            most_running=1024,
            most_sequences=1024,
            tokens_per_second=rate,
            ttft_seconds=float(row["ttft_p50_ms"]) / 1e3,
            tpot_seconds=tpot,
            split="fitted",
        )


def ml_energy(file: Path) -> Iterator[Run]:
    """The leaderboard's runs: a file with task, model, wp, gpu, n, tp, ep, batch, out, tps and itl."""
    for row in csv.DictReader(file.open()):
        name = row["model"].rpartition("/")[2]
        for word in ("-Instruct", "-Thinking", "-2507", "-FP8"):
            name = name.replace(word, "")
        name = ML_ENERGY_MODELS.get(name, name)
        weights = {"bfloat16": "bf16", "fp8": "fp8", "mxfp4": "mxfp4"}[row["wp"]]
        model = measured_model(name, weights)
        if model is None:
            continue
        gpu = {"H100": "H100 SXM", "B200": "B200 SXM"}[row["gpu"]]
        layout = ParallelConfig(
            max(int(row["tp"]), int(row["ep"])), enable_expert_parallel=int(row["ep"]) > 1
        )
        engine = _engine(
            model,
            EngineArgs(layout=layout),
            gpu,
            8192,
            is_hidden=False,
            sorts=not name.startswith("gpt-oss"),
        )
        if engine is None:
            continue
        yield Run(
            source="ML.ENERGY v3",
            model=name,
            weights=weights,
            gpu=gpu,
            gpus=int(row["n"]),
            replicas=1,
            engine=engine,
            requests=Requests(ML_ENERGY_PROMPTS[row["task"]], float(row["out"])),
            concurrency=float(row["batch"]),
            sent=0,
            most_running=4096,
            most_sequences=4096,
            tokens_per_second=float(row["tps"]),
            ttft_seconds=None,
            tpot_seconds=float(row["itl"]) / 1e3,
            split="fitted",
        )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _is_asynchronous(version: str) -> bool:
    numbers = tuple(int(each) for each in version.split(".")[:2] if each.isdigit())
    return len(numbers) == 2 and numbers >= ASYNCHRONOUS_SINCE
