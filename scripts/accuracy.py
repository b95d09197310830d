"""Measure the fit check against what real servers logged: a table per case, a summary, docs/accuracy.md.

python scripts/accuracy.py            print and write
python scripts/accuracy.py --check    print, write nothing; exit 1 where a target is missed
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vllm_costmeter.core.engine.engine import resolve_engine
from vllm_costmeter.core.engine.rules import choose_rules
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit import Fit, fit
from vllm_costmeter.core.gpu import Gpu
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.placement import Deployment
from vllm_costmeter.core.plan import Layout, Plan
from vllm_costmeter.sources.catalogue import find_gpu
from vllm_costmeter.sources.model_config import model_from_config, read_model

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "tests" / "data" / "corpus"
MODELS = ROOT / "tests" / "data" / "models"
REPORT = ROOT / "docs" / "accuracy.md"
GIB = 1 << 30
LOG_ROUNDING_BYTES = GIB // 200  # logs print hundredths of a GiB

BOOT_CARD = Gpu("H100 SXM", round(79.19 * GIB), compute_capability=(9, 0), source="flag")
UNNAMED_CARDS: Mapping[str, tuple[float, tuple[int, int]]] = {
    "NVIDIA GB10 (DGX Spark)": (121.63, (12, 1)),  # stated by the two mia4 cases of the same card
    "NVIDIA H20": (139.8, (9, 0)),  # (55.65 - 48.66) / (0.95 - 0.90): the pools of the two recipes12 cases
}
CARD_NAMES = {"NVIDIA A100 (80GB class)": "A100 80GB SXM", "NVIDIA A100 80GB": "A100 80GB SXM"}

BLOCK_FP8 = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
REQUANTISED: Mapping[str, dict[str, Any] | None] = {
    "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8": BLOCK_FP8,
    "Qwen/Qwen3.6-27B-FP8": BLOCK_FP8,
    "unsloth/Qwen3-8B-FP8": BLOCK_FP8,
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": None,
}
"""Models whose config.json is at hand in another quantisation than the one that was served."""


_UNIFIED = (
    "unified memory: the host's page cache counts as used, by gigabytes that change from start to start"
)
_FLASHINFER = (
    "FlashInfer's sampler holds 10 B per logit before 0.15, PyTorch's own 34, and no flag says which ran"
)
_PARALLEL = (
    "all-to-all buffers of eight data-parallel ranks with expert parallelism are not in the rules of 0.10"
)
CAUSES: Mapping[str, str] = {
    "jethac-gemma4-31b-bf16-gb10": _UNIFIED,
    "jethac-gemma4-31b-kvfp8-gb10": _UNIFIED,
    "jethac-gemma4-e4b-gb10": _UNIFIED,
    "jethac-gemma3-12b-kvfp8-gb10": "vLLM estimated 3.96 GiB of CUDA graphs there, 0.39 for the same model beside it",
    "recipes12-qwen3coder480b-fp8-dp8-h20-refused": _PARALLEL,
    "recipes12-qwen3coder480b-fp8-dp8-h20-u095-refused": _PARALLEL,
    "nemo-nemotron3super120b-bf16-tp4-h100pcie": "one log of 0.14.1 at TP 4; 0.9 GiB on the safe side of a small pool",
    "dennislee-qwen2-7b-a100-80-u025": _FLASHINFER,
    "dennislee-qwen2-7b-tp2-a100-80-u025": _FLASHINFER,
}


@dataclass(frozen=True)
class Row:
    """One start-up: what was logged, what is predicted."""

    name: str
    setup: str
    logged_gib: float | None
    result: Fit | None
    outcome: str = "served"
    tokens_exact: bool | None = None
    left_out: str | None = None
    """Why the case is shown but not counted."""

    @property
    def predicted_gib(self) -> float | None:
        use = self.result.per_gpu if self.result else None
        return use.kv_cache_available_bytes / GIB if use else None

    @property
    def error(self) -> float | None:
        if self.logged_gib is None or self.predicted_gib is None or self.logged_gib <= 0:
            return None
        return self.predicted_gib / self.logged_gib - 1

    @property
    def contained(self) -> bool | None:
        """Whether the logged pool lies in the predicted range."""
        ends = self.result.kv_cache_available_range_bytes if self.result else None
        if ends is None or self.logged_gib is None:
            return None
        return ends[0] / GIB - 0.01 <= self.logged_gib <= ends[1] / GIB + 0.01

    @property
    def verdict(self) -> str:
        return self.result.verdict if self.result else "-"

    @property
    def verdict_holds(self) -> bool:
        if self.outcome == "refused_kv":
            return self.verdict in ("refused", "tight")
        return self.verdict in ("fits", "tight") or self.outcome != "served"


def boot_rows() -> Iterator[Row]:
    """The boots of vLLM 0.19.0 on H100."""
    with (CORPUS / "boots_vllm_0.19.0_h100.csv").open() as file:
        for boot in csv.DictReader(file):
            yield _boot(boot)


def _boot(boot: Mapping[str, str]) -> Row:
    layout = Layout(int(boot["tp"]), int(boot["pp"]), int(boot["dp"]))
    plan = Plan(
        layout=layout,
        max_model_len=int(boot["max_model_len"]),
        gpu_memory_utilization=float(boot["util"]) if boot["util"] else None,
        max_num_batched_tokens=int(boot["max_num_batched_tokens"] or 8192),
        dtype=boot["dtype"],
        quantization=boot["quant"] or None,
        kv_cache_dtype=boot["kv_cache_dtype"],
        vllm_version=boot["vllm"],
    )
    setup = f"TP {layout.tensor_parallel_size} PP {layout.pipeline_parallel_size}, {plan.dtype}"
    setup += f", {plan.quantization}" * bool(plan.quantization) + f", KV {plan.kv_cache_dtype}"
    setup += f", {plan.max_model_len} tokens"
    if boot["failed"] == "True":
        return Row(
            boot["model"], setup, None, None, "failed", left_out="the server stopped for another reason"
        )
    gpu = Gpu(BOOT_CARD.name, BOOT_CARD.memory_bytes, _world(layout), "flag", None, (9, 0))
    model = read_model(MODELS / boot["config"])
    pool = float(boot["kv_avail_gib"])
    tokens = None  # on pipeline ranks the logged pool is one rank's, the logged tokens are the smallest rank's
    if layout.pipeline_parallel_size == 1:
        tokens = _tokens_exact(model, gpu, plan, pool, int(boot["kv_tokens"]))
    return Row(boot["model"], setup, pool, fit(model, gpu, plan), tokens_exact=tokens)


def _tokens_exact(model: Model, gpu: Gpu, plan: Plan, pool_gib: float, logged_tokens: int) -> bool:
    """Whether the logged tokens are ours for a pool that prints as the logged one, to one block."""
    chosen = choose_rules(plan.vllm_version)
    engine = resolve_engine(model, gpu, plan, chosen)
    cache = Deployment(model, gpu, plan, chosen).cache(engine)
    ends = [round(pool_gib * GIB) + end for end in (-LOG_ROUNDING_BYTES, LOG_ROUNDING_BYTES)]
    least, most = (cache.capacity(engine.max_model_len, end).tokens for end in ends)
    block = plan.block_size or 16
    return least - block <= logged_tokens <= most + block


def case_rows() -> Iterator[Row]:
    """The start-ups that people posted."""
    files = yaml.safe_load((CORPUS / "case_models" / "index.yaml").read_text())["case_models"]
    for case in yaml.safe_load((CORPUS / "cases.yaml").read_text())["cases"]:
        yield _case(case, files.get(case["model"] or "", {}))


def _case(case: Mapping[str, Any], known: Mapping[str, Any]) -> Row:
    observed = case["observed"]
    pool = observed["available_kv_cache_gib"]
    setup = f"{case['model']}, vLLM {case['vllm_version']}, {case['gpu']['count']} x {case['gpu']['name']}"
    missing = _missing(case, known)
    if missing is not None:
        return Row(case["id"], setup, pool, None, case["outcome"], left_out=missing)
    gpu = _card(case)
    if gpu is None:
        return Row(case["id"], setup, pool, None, case["outcome"], left_out="the card's memory is not known")
    try:
        model = _case_model(case["model"], known["file"])
        result = fit(model, gpu, _case_plan(case))
    except (BadInputError, NotUnderstoodError) as error:
        return Row(case["id"], setup, pool, None, case["outcome"], left_out=f"not understood: {error}")
    return Row(case["id"], setup, pool, result, case["outcome"], left_out=_uncounted(case, known, result))


def _missing(case: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """What a prediction needs and the source does not give."""
    if known.get("file") is None:
        return "no config.json of this model at hand"
    if known["match"] == "catalogue_facts_only":
        return "only catalogue facts of this model at hand, no config.json"
    if case["vllm_version"] is None:
        return "vLLM version not stated"
    if case["engine"] == "v0":
        return "the V0 engine accounts differently"
    if case["gpu"]["name"] is None and case["gpu"]["mem_gib"] is None:
        return "card not stated"
    if "+" in (case["gpu"]["name"] or ""):
        return "two kinds of cards in one server"
    return None


def _uncounted(case: Mapping[str, Any], known: Mapping[str, Any], result: Fit) -> str | None:
    """Why a prediction that could be made is not counted."""
    if result.verdict == "unknown":
        return f"unknown: {result.message}"
    if known["match"] != "exact" and case["model"] not in REQUANTISED and _requantised(case, known):
        return f"served in another quantisation than the config.json at hand ({known.get('note')})"
    if case["trust"] != "high":
        return f"trust {case['trust']}"
    if case["outcome"] not in ("served", "refused_kv"):
        return f"outcome {case['outcome']}"
    return None


def _requantised(case: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    note = (known.get("note") or "").casefold()
    words = ("4-bit", "int4", "awq", "fp8", "bnb", "producer", "nvfp4", "presumed", "geometry only")
    return case["args"]["quantization"] is not None or any(word in note for word in words)


def _card(case: Mapping[str, Any]) -> Gpu | None:
    name, count, memory = case["gpu"]["name"], case["gpu"]["count"] or 1, case["gpu"]["mem_gib"]
    if name in UNNAMED_CARDS:
        gib, capability = UNNAMED_CARDS[name]
        return Gpu(name, round(gib * GIB), count, "flag", None, capability)
    try:
        card = find_gpu(CARD_NAMES.get(name, name))
    except BadInputError:
        return Gpu(name or "card", round(memory * GIB), count, "flag") if memory else None
    bytes_ = round(memory * GIB) if memory else card.memory_bytes
    if bytes_ is None:
        return None
    return Gpu(card.name, bytes_, count, compute_capability=card.compute_capability)


def _case_model(name: str, file: str) -> Model:
    folder = CORPUS / "case_models"
    values = json.loads((folder / file).read_text())
    beside = folder / file.replace(".json", ".hf_quant_config.json")
    quantisation = json.loads(beside.read_text()) if beside.is_file() else None
    if name in REQUANTISED:
        quantisation = None
        text = values.get("text_config", {})
        for section in (values, text):
            section.pop("quantization_config", None)
        if REQUANTISED[name] is not None:
            values["quantization_config"] = REQUANTISED[name]
    return model_from_config(values, name, hf_quant_config=quantisation)


def _case_plan(case: Mapping[str, Any]) -> Plan:
    given = {name: value for name, value in case["args"].items() if value is not None}
    logged = case["effective_logged"]
    kept = {name: value for name, value in given.items() if name in Plan.__dataclass_fields__}
    for name in ("gpu_memory_utilization", "max_num_batched_tokens"):
        if logged.get(name) is not None:
            kept.setdefault(name, logged[name])
    if kept.get("quantization") in ("awq", "bitsandbytes", "auto_round"):
        del kept["quantization"]
    layout = Layout(**{name: value for name, value in given.items() if name in Layout.__dataclass_fields__})
    return Plan(layout=layout, vllm_version=str(case["vllm_version"]), **kept)


def _world(layout: Layout) -> int:
    return layout.tensor_parallel_size * layout.pipeline_parallel_size * layout.data_parallel_size


@dataclass(frozen=True)
class Target:
    """One line of the summary."""

    text: str
    measured: str
    holds: bool


def boot_targets(rows: Sequence[Row]) -> list[Target]:
    """What is asked of the 0.19 boots."""
    errors = [row.error for row in rows if row.error is not None]
    mean, worst = statistics.mean(map(abs, errors)), max(map(abs, errors))
    tokens = [row.tokens_exact for row in rows if row.tokens_exact is not None]
    served = [row.verdict_holds for row in rows]
    return [
        Target("mean absolute error of the KV pool at most 1 %", _percent(mean), mean <= 0.01),
        Target("no boot worse than 5 %", _percent(worst), worst <= 0.05),
        Target("never more than 2 % over", _percent(max(errors)), max(errors) <= 0.02),
        Target("KV tokens of a given pool exact to one block", _share(tokens), all(tokens)),
        Target("every served boot predicted to serve", _share(served), all(served)),
    ]


def case_targets(rows: Sequence[Row]) -> list[Target]:
    """What is asked of the posted cases with everything stated."""
    counted = [row for row in rows if row.left_out is None]
    errors = [abs(row.error) for row in counted if row.error is not None and row.outcome == "served"]
    median = statistics.median(errors)
    refused = [row.verdict_holds for row in counted if row.outcome == "refused_kv"]
    served = [row.verdict_holds for row in counted if row.outcome == "served"]
    inside = [row.contained for row in counted if row.contained is not None]
    return [
        Target("median error of the KV pool at most 3 %", _percent(median), median <= 0.03),
        Target("every logged refusal refused or tight", _share(refused), all(refused)),
        Target("no served case refused", _share(served), all(served)),
        Target("the logged pool lies in the predicted range (wished, not asked)", _share(inside), True),
    ]


def _share(answers: Sequence[bool]) -> str:
    return f"{sum(answers)} of {len(answers)}"


def report(boots: Sequence[Row], cases: Sequence[Row]) -> str:
    """docs/accuracy.md."""
    counted = [row for row in cases if row.left_out is None]
    uncounted = [row for row in (*boots, *cases) if row.left_out is not None]
    return "\n".join(
        [
            "# How exact the fit check is",
            "",
            "Written by `make accuracy`; do not edit. Pools are GiB per GPU available to the KV cache, predicted from",
            "the command's flags and config.json alone, against what the server logged. Sources:",
            "`tests/data/corpus/README.md`.",
            "",
            f"## {sum(row.left_out is None for row in boots)} boots of vLLM 0.19.0 on H100",
            "",
            *_target_lines(boot_targets([row for row in boots if row.left_out is None])),
            "",
            *_table([row for row in boots if row.left_out is None]),
            "",
            "On pipeline ranks the log shows the first rank's pool; the prediction is the smallest, which decides.",
            "",
            "## Start-ups that people posted (trust high, everything needed stated)",
            "",
            *_target_lines(case_targets(cases)),
            "",
            *_table(counted),
            "",
            "Errors above 5 %, and why:",
            "",
            *(f"- {row.name}: {CAUSES.get(row.name, 'not explained')}" for row in counted if _is_large(row)),
            "",
            "## Not counted, and why",
            "",
            "| case | outcome | logged | predicted | verdict | why |",
            "|---|---|---|---|---|---|",
            *(
                f"| {row.name} | {row.outcome} | {_gib(row.logged_gib)} | {_gib(row.predicted_gib)} "
                f"| {row.verdict} | {row.left_out} |"
                for row in uncounted
            ),
            "",
        ]
    )


def _table(rows: Sequence[Row]) -> list[str]:
    return [
        "| start-up | set-up | outcome | logged | predicted | error | in range | verdict |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {row.name} | {row.setup} | {row.outcome} | {_gib(row.logged_gib)} | {_gib(row.predicted_gib)} | "
            f"{_percent(row.error, signed=True)} | {_yes_or_no(row.contained)} | {row.verdict} |"
            for row in rows
        ),
    ]


def _target_lines(targets: Sequence[Target]) -> list[str]:
    return [f"- {'met' if each.holds else 'MISSED'}: {each.text}: {each.measured}" for each in targets]


def _is_large(row: Row) -> bool:
    return row.error is not None and abs(row.error) > 0.05


def _yes_or_no(answer: bool | None) -> str:
    return "" if answer is None else "yes" if answer else "no"


def _gib(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _percent(value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return ""
    return f"{100 * value:+.2f} %" if signed else f"{100 * value:.2f} %"


def main(words: Sequence[str]) -> int:
    """Print the report's tables, write it unless --check, and say whether the targets hold."""
    boots, cases = list(boot_rows()), list(case_rows())
    text = report(boots, cases)
    print(text)
    if "--check" not in words:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text)
    targets = [*boot_targets([row for row in boots if row.left_out is None]), *case_targets(cases)]
    return 0 if all(target.holds for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
