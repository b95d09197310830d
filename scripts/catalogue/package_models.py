"""Write catalogue/models.json.gz, the configurations that ship: `python -m scripts.catalogue.package_models [--check]`.

They are the published config.json files under tests/data, one per repository of the Hub. Files put together from
published numbers are left out. `--check` writes nothing and fails if the file does not match.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

from vllm_costmeter.sources.models.packaged_configs import FILE

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
AS_OF = "2026-11"
"""The month in which the files under tests/data were read."""
PUBLISHED_AMONG_WILD = {
    "Qwen3.6-27B-NVFP4": "nvidia/Qwen3.6-27B-NVFP4",
    "Qwen3.6-35B-A3B-NVFP4": "nvidia/Qwen3.6-35B-A3B-NVFP4",
}
SAME_SHAPE = {
    "meta-llama/Llama-3.1-70B-Instruct": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.3-70B-Instruct": "meta-llama/Meta-Llama-3.1-70B",
    "meta-llama/Llama-3.1-405B-Instruct": "meta-llama/Meta-Llama-3.1-405B",
    "meta-llama/Llama-2-13b-chat-hf": "meta-llama/Llama-2-13b-hf",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mistralai/Mixtral-8x7B-v0.1",
    "deepseek-ai/DeepSeek-V3-0324": "deepseek-ai/DeepSeek-V3",
    "deepseek-ai/DeepSeek-R1-0528": "deepseek-ai/DeepSeek-R1",
}
"""Releases of the same model whose config.json differs only in names, dates and token ids (model pages of each)."""

EMBEDDERS = ("Qwen/Qwen3-Embedding-8B",)
"""Repositories of sentence-transformers, which vLLM serves for pooling."""


def packaged(data: Path = DATA) -> dict[str, Any]:
    """The content: `as_of`, and per repository `config`, `hf_quant_config` and `is_embedder`, as far as it has them."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted((data / "corpus" / "case_models").glob("*.json")):
        repository, _, quantization = (
            file.name.removesuffix(".json").replace("__", "/", 1).partition(".hf_quant_")
        )
        key = "hf_quant_config" if quantization else "config"
        found.setdefault(repository, {})[key] = json.loads(file.read_text("utf-8"))
    for folder in sorted((data / "models").iterdir()):
        if folder.is_dir():
            found[folder.name.replace("__", "/", 1)] = _files(folder)
    for name, repository in PUBLISHED_AMONG_WILD.items():
        found.setdefault(repository, _files(data / "wild" / "models" / name))
    found = {name: files for name, files in found.items() if _is_published(files.get("config", {}))}
    for name, same in SAME_SHAPE.items():
        found.setdefault(name, {"same_as": same})
    for name in EMBEDDERS:
        found[name]["is_embedder"] = True
    return {"as_of": AS_OF, "models": dict(sorted(found.items()))}


def _is_published(config: dict[str, Any]) -> bool:
    """Whether it is a config.json that vLLM reads, not an extract of facts or another engine's file."""
    return config.get("model_type", "deepseek_ref") != "deepseek_ref"


def _files(folder: Path) -> dict[str, Any]:
    return {
        file.stem: json.loads(file.read_text("utf-8"))
        for file in (folder / "config.json", folder / "hf_quant_config.json")
        if file.is_file()
    }


def compressed(content: dict[str, Any]) -> bytes:
    """The file's bytes, equal for equal content."""
    return gzip.compress(json.dumps(content, separators=(",", ":")).encode(), 9, mtime=0)


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    data = compressed(packaged())
    if parser.parse_args().check:
        is_same = FILE.is_file() and json.loads(gzip.decompress(FILE.read_bytes())) == packaged()
        return 0 if is_same else 1
    FILE.write_bytes(data)
    print(f"{FILE.name}: {len(packaged()['models'])} models, {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
