"""The weights of a local folder, from its files' headers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vllm_costmeter.core.errors import BadInputError, unreadable
from vllm_costmeter.sources.checkpoint.weight_files import (
    LARGEST_INDEX_BYTES,
    MOST_FILES,
    MOST_INDEX_VALUES,
    index_name,
    indexed_files,
    missing_files,
    missing_shards,
    safetensors_files,
)
from vllm_costmeter.sources.model_config import read_json_object

if TYPE_CHECKING:
    from vllm_costmeter.core.model.checkpoint import CheckpointContents

LFS_POINTER = b"version https://git-lfs"
"""Content of a weights file in a clone without its large files."""


def checkpoint_in(folder: Path) -> CheckpointContents | None:
    """The tensors of a folder's safetensors files; None where it holds none (a config.json alone, pointers of a git
    clone without its large files).

    Where an index lies beside them, vLLM loads the files that it lists and no other. BadInputError for a file that is
    no safetensors file, a faulty index (with or without files), and where some of the shards are missing.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError as error:
        raise unreadable(error.filename or folder, error) from None
    files = safetensors_files(names)
    if len(files) > MOST_FILES:
        raise BadInputError(f"{folder}: {len(files)} safetensors files, more than {MOST_FILES}")
    index = folder / index_name(files)
    listed = files
    if index.is_file() and not _is_pointer(index):
        listed = indexed_files(read_json_object(index, LARGEST_INDEX_BYTES, MOST_INDEX_VALUES), str(index))
    if not files or all(_is_pointer(folder / name) for name in files):
        return None
    promised = missing_shards(listed)
    left_out = sorted(set(promised) & set(files))
    if left_out:
        raise BadInputError(
            f"{index}: names no tensor of {left_out[0]} in the same folder: vLLM would not load it"
        )
    missing = sorted(set(listed) - set(files)) or promised
    if missing:
        raise missing_files(str(folder), missing)
    from vllm_costmeter.core.model.checkpoint import merged

    contents = merged(read_file(folder / name) for name in listed)
    if not contents.num_tensors:
        raise BadInputError(f"{folder}: its safetensors files contain no tensors: an incomplete download?")
    return contents


def read_file(file: Path) -> CheckpointContents:
    """The header of one safetensors file. BadInputError where it is none, or not readable."""
    from vllm_costmeter.sources.checkpoint.safetensors_header import LENGTH_BYTES, header_length, parse_header

    name = str(file)
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            prefix = stream.read(LENGTH_BYTES)
            if prefix == LFS_POINTER[:LENGTH_BYTES]:
                raise BadInputError(f"{name}: is a git-lfs pointer, not the file: run `git lfs pull`")
            length = header_length(prefix, name, size)
            header = stream.read(length)
    except OSError as error:
        raise unreadable(name, error) from None
    return parse_header(header, name, size - LENGTH_BYTES - length)


def _is_pointer(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            return stream.read(len(LFS_POINTER)) == LFS_POINTER
    except OSError:
        return False
