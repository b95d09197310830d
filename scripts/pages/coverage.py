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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.accuracy.logged_cases import case_rows, stated_cases
from scripts.accuracy.logged_start import CORPUS
from scripts.pages.drafter_rows import drafter_rows
from scripts.pages.recorded import DRAFTERS, config_of, lines, published_config, words_of
from scripts.pages.registry_groups import newest_release, registry_rows
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config import model_from_config
from vllm_costmeter.sources.model_config.families.conversion import POOLING_SUFFIXES
from vllm_costmeter.sources.model_config.families.registry import ARCHITECTURES
from vllm_costmeter.sources.model_config.families.source import architecture_of
from vllm_costmeter.sources.model_config.families.unmodelled import UNMODELLED
from vllm_costmeter.sources.model_config.model import root_reader

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "docs" / "coverage.md"

CACHES = {
    "FullAttention": "full",
    "SlidingWindow": "windows",
    "ChunkedLocal": "chunks",
    "MlaLatent": "latents (MLA)",
    "SparseIndexer": "an indexer",
    "OpenPool": "open pools",
    "CompressedMla": "compressed latents and windows",
    "RegionAttention": "attention to regions",
    "SourcedMla": "shared pools of latents and windows",
    "CrossAttention": "cross attention",
    "Mamba1State": "Mamba 1",
    "Mamba2State": "Mamba 2",
    "GatedDeltaState": "gated delta nets",
    "KimiDeltaState": "Kimi delta attention",
    "LightningState": "lightning attention",
    "ShortConvState": "short convolutions",
    "ShortConvWindow": "short convolutions in windows",
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


def held_against() -> Iterator[tuple[dict[str, Any], str]]:
    """(config.json, kind of evidence) of every configuration that numbers were compared for."""
    for line in lines("oracle_vllm_0.32_cuda.jsonl"):
        if "error" not in line:
            yield published_config(line["config"]), "oracle"
    for name in (
        "families_vllm_0.32.jsonl",
        "families_vllm_0.33.jsonl",
        "families_vllm_0.23.jsonl",
        "weights_vllm_0.32_cpu.jsonl",
        *DRAFTERS,
        "torchao_vllm_0.32.jsonl",
    ):
        for line in lines(name):
            yield config_of(line), "oracle"
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


def evidence() -> tuple[Evidence, Evidence, Evidence]:
    """By architecture, and by quantization scheme: what numbers were held against. By architecture: what its layers
    remember in the configurations that were."""
    architectures: dict[str, set[str]] = defaultdict(set)
    schemes: dict[str, set[str]] = defaultdict(set)
    remembered: dict[str, set[str]] = defaultdict(set)
    for config, kind in held_against():
        name = architecture_of(root_reader(config, "config.json"))
        architectures[name].add(kind)
        try:
            model = model_from_config(config, "config.json")
        except (BadInputError, NotUnderstoodError):
            continue
        caches = {type(cache).__name__ for layer in model.attention.layers for cache in layer}
        remembered[name] |= {CACHES[cache] for cache in caches} or {"nothing (pooling)"}
        if isinstance(model.weights, Weights):
            for scheme in _named(model.weights.quantization):
                schemes[scheme].add(kind)
    return architectures, schemes, remembered


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


def _architecture_rows(found: Evidence, remembered: Evidence) -> Iterator[str]:
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(ARCHITECTURES):
        caches = ", ".join(sorted(remembered.get(name, ()))) or "in no recorded configuration"
        rows[caches, words_of(found.get(name, ()))].append(name)
    for (caches, words), names in sorted(rows.items()):
        yield f"| {caches} | {', '.join(names)} | {words} |"


def _feature_rows() -> Iterator[str]:
    slots, drafts = len(lines("lora_vllm_0.32.jsonl")), lines(*DRAFTERS)
    heads = sum(line["is_head"] for line in drafts)
    planned = sum("lengths" in line for line in drafts)
    families, published = len(lines("families_vllm_0.32.jsonl")), len(lines("oracle_vllm_0.32_cuda.jsonl"))
    yield f"| tensor parallelism 1, 2, 8 | oracle, log | {published} published deployments, {families} families |"
    yield f"| pipeline parallelism 2 | oracle, log | {families} families, docs/conformance.md |"
    yield f"| LoRA slots | oracle; routed experts: code | {slots} deployments, to the byte |"
    yield f"| draft models, heads | oracle | {heads} heads, to the byte |"
    yield f"| prediction layers (MTP) | oracle | {len(drafts) - heads} models, to the byte |"
    yield f"| KV cache with a drafter's layers | oracle | {planned} heads and models, to the byte |"
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
    architectures, schemes, remembered = evidence()
    page = [
        "# What the fit check supports, and the evidence",
        "",
        "Written by `python -m scripts.pages.coverage` from the code and the test data; a test keeps it fresh.",
        "*oracle*: equal to what vLLM 0.32's own code allocates and plans; *log*: equal to the logs of real servers,",
        "within the errors in [accuracy.md](accuracy.md); *code*: read from vLLM's source. For anything not listed the",
        "verdict is `unknown`, unless the installed vLLM is asked with `--exact`.",
        "",
        f"## The model registry of vLLM {newest_release()}",
        "",
        "| group | known | not known |",
        "|---|---|---|",
        *registry_rows(),
        "",
        "## Architectures",
        "",
        "| KV cache and state per layer | architectures | evidence |",
        "|---|---|---|",
        *_architecture_rows(architectures, remembered),
        "",
        "Served by vLLM and not described by their config.json; the verdict says why it is `unknown`:",
        "",
        "| architecture | why no rule holds |",
        "|---|---|",
        *(f"| {name} | {reason} |" for name, reason in sorted(UNMODELLED.items())),
        "",
        "## Drafters",
        "",
        "| vLLM's name | what it is | evidence |",
        "|---|---|---|",
        *drafter_rows(architectures),
        "",
        "## Quantization of weights",
        "",
        "| scheme | evidence |",
        "|---|---|",
        *(f"| {label} | {words_of(schemes.get(name, ()))} |" for name, label in SCHEMES.items()),
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
