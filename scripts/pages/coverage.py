"""What the fit check knows and what each part was held against: docs/coverage.md, from the code and the test data.

python -m scripts.pages.coverage             write docs/coverage.md
python -m scripts.pages.coverage --check     write nothing; exit 1 where the page is not what the code and data say
"""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.accuracy.logged_cases import case_rows, stated_cases
from scripts.accuracy.logged_start import CORPUS
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.architectures.conversion import POOLING_SUFFIXES
from vllm_costmeter.sources.model_config.architectures.prediction import FAMILIES as PREDICTED
from vllm_costmeter.sources.model_config.architectures.registry import ARCHITECTURES
from vllm_costmeter.sources.model_config.attention_table import FAMILIES, WRAPPERS

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
REPORT = ROOT / "docs" / "coverage.md"

CACHES = {
    "chatglm": "full",
    "cohere": "full, or windows interleaved",
    "compressed": "compressed latents and windows",
    "dbrx": "full",
    "encoder_only": "none (pooling)",
    "falcon": "full",
    "falcon_h1": "full and Mamba 2 in every layer",
    "family": "windows interleaved",
    "full_everywhere": "full",
    "gated_delta": "gated delta nets, full",
    "gemma3n": "windows interleaved, shared caches",
    "gemma4": "windows interleaved, shared caches",
    "gpt_oss": "windows interleaved",
    "gpt_bigcode": "full",
    "granite_hybrid": "Mamba 2, full",
    "jamba": "Mamba 1, full",
    "kimi_linear": "Kimi delta attention, latents",
    "latent": "latents (MLA)",
    "lfm2": "short convolutions, full",
    "lightning": "lightning attention, full",
    "listed": "full, or windows interleaved",
    "llama4": "chunked local, full",
    "mamba1": "Mamba 1",
    "mamba2": "Mamba 2",
    "mimo_v2": "windows interleaved, narrow values",
    "minicpm3": "full",
    "nemotron_h": "Mamba 2, full",
    "nemotron_nas": "full in some layers",
    "plain": "full, or windows",
    "sparse_latent": "latents with an indexer",
    "two_latents_per_layer": "latents (MLA)",
    "whisper": "full and cross attention",
}
SCHEMES = {
    "EightBitPerTensor": "8 bits, a scale per tensor (FP8, INT8)",
    "EightBitPerChannel": "8 bits, a scale per channel (FP8, INT8)",
    "Fp8PerBlock": "FP8, a scale per block",
    "Nvfp4": "NVFP4",
    "Mxfp4": "MXFP4",
    "Mxfp8": "MXFP8",
    "Grouped": "integers in groups (GPTQ, AWQ, packed)",
    "BitsAndBytes": "bitsandbytes",
    "PackedMxfp4": "MXFP4 of linear layers and experts (compressed-tensors)",
    "OnlineMxfp4": "MXFP4, of linear layers and experts while loading (`--quantization mxfp4`)",
    "OnlineNvfp4": "NVFP4, of experts while loading (`--quantization nvfp4_per_token`)",
    "OneByteScaled": "torchao: 8 bits, and narrower integers in bytes",
    "Int4WeightOnly": "torchao: int4 weight-only (tiled: oracle; plain: code)",
}
Evidence = Mapping[str, set[str]]


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def published_config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "models" / name / "config.json").read_text())
    return found


def held_against() -> Iterator[tuple[dict[str, Any], str]]:
    """(config.json, kind of evidence) of every configuration that numbers were compared for."""
    for line in lines("oracle_vllm_0.32_cuda.jsonl"):
        if "error" not in line:
            yield published_config(line["config"]), "oracle"
    for name in (
        "families_vllm_0.32.jsonl",
        "families_vllm_0.23.jsonl",
        "weights_vllm_0.32_cpu.jsonl",
        "drafters_vllm_0.32.jsonl",
        "torchao_vllm_0.32.jsonl",
    ):
        for line in lines(name):
            yield line.get("config") or published_config(line["published"]), "oracle"
    with (CORPUS / "boots_vllm_0.19.0_h100.csv").open() as stream:
        for row in csv.DictReader(stream):
            if row["weights_gib"]:
                yield published_config(row["config"]), "log"
    yield from ((config, "log") for config in _logged_cases())


def _logged_cases() -> Iterator[dict[str, Any]]:
    counted = {row.name for row in case_rows() if row.left_out is None}
    for case, known in stated_cases():
        if case["id"] in counted and "file" in known:
            yield json.loads((CORPUS / "case_models" / known["file"]).read_text())


def evidence() -> tuple[Evidence, Evidence]:
    """By architecture, and by quantization scheme: what numbers were held against."""
    architectures: dict[str, set[str]] = defaultdict(set)
    schemes: dict[str, set[str]] = defaultdict(set)
    for config, kind in held_against():
        architectures[str(config["architectures"][0])].add(kind)
        for scheme in _schemes_of(config):
            schemes[scheme].add(kind)
    return architectures, schemes


def _schemes_of(config: dict[str, Any]) -> set[str]:
    try:
        weights = model_from_config(config, "config.json").weights
    except (BadInputError, NotUnderstoodError):
        return set()
    return set(_named(weights.quantization)) if isinstance(weights, Weights) else set()


def _named(value: object) -> Iterator[str]:
    """Names of the schemes anywhere in a quantization."""
    if type(value).__name__ in SCHEMES:
        yield type(value).__name__
    elif isinstance(value, Mapping):
        yield from (name for each in value.values() for name in _named(each))
    elif isinstance(value, tuple):
        yield from (name for each in value for name in _named(each))
    elif dataclasses.is_dataclass(value):
        yield from (name for each in dataclasses.fields(value) for name in _named(getattr(value, each.name)))


def _words(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds, reverse=True)) or "code"


def _caches(architecture: str) -> str:
    family = FAMILIES.get(architecture)
    return CACHES[family.__name__] if family is not None else "as its language model"


def _architecture_rows(found: Evidence) -> Iterator[str]:
    known = (name for name in ARCHITECTURES if name in FAMILIES or name in WRAPPERS)
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(known):
        rows[_caches(name), _words(found.get(name, ()))].append(name)
    for (caches, words), names in sorted(rows.items()):
        yield f"| {caches} | {', '.join(names)} | {words} |"


def _feature_rows() -> Iterator[str]:
    slots, drafts = len(lines("lora_vllm_0.32.jsonl")), lines("drafters_vllm_0.32.jsonl")
    heads = sum(line["is_head"] for line in drafts)
    families, published = len(lines("families_vllm_0.32.jsonl")), len(lines("oracle_vllm_0.32_cuda.jsonl"))
    yield f"| tensor parallelism 1, 2, 8 | oracle, log | {published} published deployments, {families} families |"
    yield f"| pipeline parallelism 2 | oracle, log | {families} families, docs/conformance.md |"
    yield f"| LoRA slots | oracle; routed experts: code | {slots} deployments, to the byte |"
    yield f"| draft models, EAGLE | oracle | {heads} heads, to the byte |"
    yield f"| MTP: {', '.join(sorted(PREDICTED))} | oracle | {len(drafts) - heads} models, to the byte |"
    suffixes = ", ".join(f"`*{suffix}`" for suffix in POOLING_SUFFIXES)
    yield f"| decoders named {suffixes} | oracle | pooling, converted as vLLM's registry does |"
    flags, *asked = lines("quantization_flags_vllm_0.32.jsonl")
    names, by = len(flags["quantization_methods"]), f"{len(asked)} pairs of checkpoint and GPU"
    yield f"| `--quantization`, {names} names: accepted or refused as by vLLM, or unknown | oracle | {by} |"
    yield "| MXFP4 experts on compute capability 8, 9, 10, 12 | oracle, log | gpt-oss at 4 sizes, to the byte |"
    yield "| n-gram speculation | code | loads nothing |"
    yield "| GGUF and safetensors checkpoints | code | the files' own headers |"


def report() -> str:
    """The page."""
    architectures, schemes = evidence()
    page = [
        "# What the fit check supports, and the evidence",
        "",
        "Written by `python -m scripts.pages.coverage` from the code and the test data; a test keeps it fresh.",
        "*oracle*: equal to what vLLM 0.32's own code allocates and plans; *log*: equal to the logs of real servers,",
        "within the errors in [accuracy.md](accuracy.md); *code*: read from vLLM's source. For anything not listed the",
        "verdict is `unknown`, unless the installed vLLM is asked with `--exact`.",
        "",
        "## Architectures",
        "",
        "| KV cache and state per layer | architectures | evidence |",
        "|---|---|---|",
        *_architecture_rows(architectures),
        "",
        "## Quantization of weights",
        "",
        "| scheme | evidence |",
        "|---|---|",
        *(f"| {label} | {_words(schemes.get(name, ()))} |" for name, label in SCHEMES.items()),
        "",
        "## Layouts and features",
        "",
        "| feature | evidence | compared with |",
        "|---|---|---|",
        *_feature_rows(),
        "",
    ]
    return "\n".join(page)


def main(arguments: Sequence[str]) -> int:
    page = report()
    if "--check" in arguments:
        return 0 if REPORT.read_text() == page else 1
    REPORT.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
