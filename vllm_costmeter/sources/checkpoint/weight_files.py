"""The files of a folder (or of a repository's listing) that vLLM loads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vllm_costmeter.core.errors import BadInputError

INDEX = "model.safetensors.index.json"
CONSOLIDATED_INDEX = "consolidated.safetensors.index.json"
LARGEST_INDEX_BYTES = 64 << 20  # 300,000 tensors of the largest published checkpoint take 33 MB (2026)
MOST_INDEX_VALUES = 1_000_000
MOST_FILES = 4096  # the most shards of a published checkpoint are 191 (2026)

_SHARD = re.compile(r"(.+)-(\d{5,6})-of-(\d{5,6})\.(safetensors|gguf)")


def safetensors_files(names: Iterable[str]) -> list[str]:
    """The safetensors files at the top of a folder that vLLM's default loader reads, sorted.

    If there are both Mistral's `consolidated*` files and Hugging Face's, vLLM loads the former (`_prepare_weights` of
    default_loader.py, 0.32.0); adapter files are not weights of the model.
    """
    found = sorted(
        name
        for name in names
        if name.endswith(".safetensors") and "/" not in name and not name.startswith("adapter_")
    )
    consolidated = [name for name in found if name.startswith("consolidated")]
    return consolidated or found


def index_name(files: Iterable[str]) -> str:
    """The index that belongs to these weight files."""
    return CONSOLIDATED_INDEX if any(name.startswith("consolidated") for name in files) else INDEX


ENTRY_BYTES = 128
"""Size of a header's entry without the tensor's name: dtype, three dimensions and two offsets of 14 digits fit."""


def indexed_files(index: Mapping[str, Any], where: str) -> list[str]:
    """The files in an index, sorted. Raises BadInputError for an index without files."""
    return sorted(indexed_header_bytes(index, where))


def indexed_header_bytes(index: Mapping[str, Any], where: str) -> dict[str, int]:
    """File -> the maximum size of its header. Raises BadInputError for an index without files."""
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise BadInputError(f"{where}: weight_map is missing, which maps every tensor to its file")
    sizes: dict[str, int] = {}
    for tensor, file in weight_map.items():
        if not isinstance(file, str) or "/" in file or "\\" in file or not file.endswith(".safetensors"):
            raise BadInputError(
                f"{where}: weight_map of {tensor[:80]!r} must name a safetensors file in the same folder"
            )
        sizes[file] = sizes.get(file, ENTRY_BYTES) + len(tensor.encode(errors="replace")) + ENTRY_BYTES
    if len(sizes) > MOST_FILES:
        raise BadInputError(f"{where}: names {len(sizes)} files, more than {MOST_FILES}")
    return sizes


def missing_shards(files: Iterable[str]) -> list[str]:
    """Missing shards according to the numbering of the others (`model-00002-of-00004.safetensors`)."""
    present = set(files)
    return sorted(set(promised_shards(present)) - present)


def promised_shards(files: Iterable[str]) -> list[str]:
    """The complete sets that numbered files belong to, sorted; empty if no file is numbered."""
    matches = [match for name in files if (match := _SHARD.fullmatch(name))]
    wholes = {(match[1], match[3], match[4]) for match in matches if 0 < int(match[3]) <= MOST_FILES}
    return sorted(
        f"{stem}-{number:0{len(count)}}-of-{count}.{kind}"
        for stem, count, kind in wholes
        for number in range(1, int(count) + 1)
    )


def missing_files(where: str, missing: Sequence[str]) -> BadInputError:
    """The error for an incomplete set of files: vLLM would stop, or serve part of a model."""
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return BadInputError(f"{where}: {missing[0]} is missing{more}: an incomplete download?")
