"""Start-ups with many GPUs, versions and models, from public posts and repositories."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from scripts.accuracy.logged_start import CORPUS, LoggedStart
from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.model_config import model_from_config

UNNAMED_GPUS: Mapping[str, tuple[float, tuple[int, int]]] = {
    "NVIDIA GB10 (DGX Spark)": (121.63, (12, 1)),  # stated by the two mia4 cases of the same GPU
    "NVIDIA H20": (139.8, (9, 0)),  # (55.65 - 48.66) / (0.95 - 0.90): the pools of the two recipes12 cases
}
GPU_NAMES = {
    "NVIDIA A100 (80GB class)": "A100 80GB SXM",
    "NVIDIA A100 80GB": "A100 80GB SXM",
    "NVIDIA A100 40GB": "A100 40GB SXM",
    "NVIDIA H100": "H100 SXM",
}
"""Logs without a form factor: assumed to be SXM, which differs only in reserved memory."""

BLOCK_FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
REQUANTISED: Mapping[str, dict[str, Any] | None] = {
    "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8": BLOCK_FP8,
    "Qwen/Qwen3.6-27B-FP8": BLOCK_FP8,
    "unsloth/Qwen3-8B-FP8": BLOCK_FP8,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": None,
}
"""Models with a config.json of another quantization than the one that was served."""


def case_rows() -> Iterator[LoggedStart]:
    """The publicly posted start-ups."""
    for case, known in stated_cases():
        yield _case(case, known)


@cache
def stated_cases() -> tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...]:
    """Each case in the corpus, with the known facts of its model's config.json."""
    files = yaml.safe_load((CORPUS / "case_models" / "index.yaml").read_text())["case_models"]
    cases = yaml.safe_load((CORPUS / "cases.yaml").read_text())["cases"]
    return tuple((case, files.get(case["model"] or "", {})) for case in cases)


def _case(case: Mapping[str, Any], known: Mapping[str, Any]) -> LoggedStart:
    observed = case["observed"]
    pool = observed["available_kv_cache_gib"]
    setup = f"{case['model']}, vLLM {case['vllm_version']}, {case['gpu']['count']} x {case['gpu']['name']}"
    missing = _missing(case, known)
    if missing is not None:
        return LoggedStart(case["id"], setup, pool, None, case["outcome"], left_out=missing)
    gpu = _gpu(case)
    if gpu is None:
        return LoggedStart(
            case["id"], setup, pool, None, case["outcome"], left_out="the card's memory is not known"
        )
    try:
        model = _case_model(case["model"], known["file"])
        release = release_of(str(case["vllm_version"]))
        result = assembled(model, gpu, _case_plan(case), release=release, calibration="none").fit()
    except (BadInputError, NotUnderstoodError) as error:
        return LoggedStart(
            case["id"], setup, pool, None, case["outcome"], left_out=f"not understood: {error}"
        )
    return LoggedStart(
        case["id"], setup, pool, result, case["outcome"], left_out=_uncounted(case, known, result)
    )


def _missing(case: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """What a prediction needs but the source does not state."""
    if known.get("file") is None:
        return "no config.json of this model at hand"
    if known["match"] == "catalogue_facts_only":
        return "only catalogue facts of this model at hand, no config.json"
    if case["vllm_version"] is None:
        return "vLLM version not stated"
    if case["engine"] == "v0":
        return "the V0 engine accounts differently"
    if case["gpu"]["name"] is None and case["gpu"]["mem_gib"] is None:
        return "GPU not stated"
    if "+" in (case["gpu"]["name"] or ""):
        return "two kinds of GPUs in one server"
    return None


def _uncounted(case: Mapping[str, Any], known: Mapping[str, Any], result: Fit) -> str | None:
    """Why a prediction is not counted."""
    if result.verdict == "unknown":
        return f"unknown: {result.message}"
    if known["match"] != "exact" and case["model"] not in REQUANTISED and _requantized(case, known):
        return f"served in another quantization than the config.json at hand ({known.get('note')})"
    if case["trust"] != "high":
        return f"trust {case['trust']}"
    if case["outcome"] not in ("served", "refused_kv"):
        return f"outcome {case['outcome']}"
    return None


def _requantized(case: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    note = (known.get("note") or "").casefold()
    words = ("4-bit", "int4", "awq", "fp8", "bnb", "producer", "nvfp4", "presumed", "geometry only")
    return case["args"]["quantization"] is not None or any(word in note for word in words)


def _gpu(case: Mapping[str, Any]) -> GpuGroup | None:
    name, count, memory = case["gpu"]["name"], case["gpu"]["count"] or 1, case["gpu"]["mem_gib"]
    if name in UNNAMED_GPUS:
        gib, capability = UNNAMED_GPUS[name]
        return GpuGroup(name, round(gib * GIB), count, "flag", None, capability)
    try:
        gpu = find_gpu(GPU_NAMES.get(name, name))
    except BadInputError:
        return GpuGroup(name or "a GPU", round(memory * GIB), count, "flag") if memory else None
    if "nvidia-smi" in (case["gpu"]["mem_note"] or ""):
        memory = None  # the board's size, of which CUDA reports less
    bytes_ = round(memory * GIB) if memory else gpu.memory_bytes
    if bytes_ is None:
        return None
    return GpuGroup(gpu.name, bytes_, count, compute_capability=gpu.compute_capability)


def _case_model(name: str, file: str) -> Model:
    folder = CORPUS / "case_models"
    values = json.loads((folder / file).read_text())
    beside = folder / file.replace(".json", ".hf_quant_config.json")
    quantization = json.loads(beside.read_text()) if beside.is_file() else None
    if name in REQUANTISED:
        quantization = None
        text = values.get("text_config", {})
        for section in (values, text):
            section.pop("quantization_config", None)
        if REQUANTISED[name] is not None:
            values["quantization_config"] = REQUANTISED[name]
    return model_from_config(values, name, hf_quant_config=quantization)


def _case_plan(case: Mapping[str, Any]) -> EngineArgs:
    given = {name: value for name, value in case["args"].items() if value is not None}
    logged = case["effective_logged"]
    kept = {name: value for name, value in given.items() if name in EngineArgs.__dataclass_fields__}
    for name in ("gpu_memory_utilization", "max_num_batched_tokens"):
        if logged.get(name) is not None:
            kept.setdefault(name, logged[name])
    if kept.get("quantization") in ("awq", "bitsandbytes", "auto_round"):
        del kept["quantization"]
    layout = ParallelConfig(
        **{name: value for name, value in given.items() if name in ParallelConfig.__dataclass_fields__}
    )
    return EngineArgs(layout=layout, **kept)
