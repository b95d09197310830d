"""Read a model's config.json from disk, bounded in size, executing nothing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError, nearest, unreadable
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.model_config.model import model_from_config

_LARGEST_BYTES = 16 << 20  # the largest published config.json (one entry per expert, 2026) stays under 6 MiB
_MOST_VALUES = 500_000  # parsed by json, more would exceed the 200 MB limit of a check
SENTENCE_TRANSFORMERS = (
    "modules.json"  # vLLM serves a folder with this file for pooling (get_pooling_config, 0.32)
)
_CONFIG, _PARAMS = "config.json", "params.json"
_HEADS = ("joint_head_config.json", "decision_config.json")
_UNREADABLE = {".gguf": "a GGUF file", ".safetensors": "a weights file", ".bin": "a weights file"}


def read_model(path: Path, name: str | None = None) -> Model:
    """The model of a config.json, or of a folder with one (and hf_quant_config.json, if any).

    `name` is the model's id, by default the path. Raises as `model_from_config`, and BadInputError for a path
    that does not exist, cannot be read or is not a JSON object.
    """
    file = _config_file(path)
    quantization = file.parent / "hf_quant_config.json"
    values = (folder_config(path) if path.is_dir() else None) or read_json_object(file)
    beside = read_json_object(quantization) if path.is_dir() and quantization.is_file() else None
    is_embedder = path.is_dir() and (path / SENTENCE_TRANSFORMERS).is_file()
    return model_from_config(values, name or str(path), hf_quant_config=beside, is_embedder=is_embedder)


def config_files(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None] | None:
    """config.json at or in `path` (or params.json), with the folder's hf_quant_config.json; None without one."""
    if not path.is_dir():
        return (read_json_object(path), None) if path.is_file() and path.suffix == ".json" else None
    found, beside = folder_config(path), path / "hf_quant_config.json"
    if found is None:
        return None
    return found, read_json_object(beside) if beside.is_file() else None


def folder_config(folder: Path) -> dict[str, Any] | None:
    """The configuration that vLLM reads in a folder: params.json of Mistral's checkpoints, with the config.json beside
    it, else config.json; None where there is neither."""
    file, other = folder / _CONFIG, folder / _PARAMS
    found = read_json_object(file) if file.is_file() else None
    if not other.is_file():
        return None if found is None else _with_head(found, folder)
    from vllm_costmeter.sources.model_config.params import reads_params, with_config

    if not reads_params(_names(folder)):
        return found
    return with_config(read_json_object(other), found, str(other))


def _with_head(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """With a file beside it that describes a head, by which vLLM serves the model by another class."""
    file = next((file for name in _HEADS if (file := folder / name).is_file()), None)
    if file is None:
        return config
    from vllm_costmeter.sources.model_config.params import with_head

    return with_head(config, file.name, read_json_object(file))


def read_json_object(
    file: Path, largest_bytes: int = _LARGEST_BYTES, most_values: int = _MOST_VALUES
) -> dict[str, Any]:
    """A JSON object from a file of at most `largest_bytes`. Infinity and NaN are accepted."""
    try:
        with file.open("rb") as stream:
            data = stream.read(largest_bytes + 1)
    except OSError as error:
        raise unreadable(file, error) from None
    return parse_json_object(data, str(file), largest_bytes, most_values)


def parse_json_object(
    data: bytes, name: str, largest_bytes: int = _LARGEST_BYTES, most_values: int = _MOST_VALUES
) -> dict[str, Any]:
    """The JSON object in `data`; every error starts with `name`. BadInputError as `read_json_object`."""
    if len(data) > largest_bytes:
        raise BadInputError(f"{name}: larger than {largest_bytes >> 20} MiB, which no published model needs")
    if not data.strip():
        raise BadInputError(f"{name}: is empty; it must hold a JSON object")
    if sum(map(data.count, (b",", b"[", b"{"))) > most_values:
        raise BadInputError(f"{name}: more than {most_values} values, which no published model needs")
    try:
        values = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise BadInputError(f"{name}: nested too deeply to be a model's file") from None
    except ValueError as error:
        raise BadInputError(f"{name}: is not valid JSON: {str(error)[:120]}") from None
    if not isinstance(values, dict):
        raise BadInputError(f"{name}: must hold a JSON object, got a {type(values).__name__}")
    return values


def _config_file(path: Path) -> Path:
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            if path.suffix in _UNREADABLE:
                raise NotUnderstoodError(f"{path}: {_UNREADABLE[path.suffix]}, which holds no config.json")
            return path
        if path.exists():
            raise BadInputError(f"{path}: is neither a folder nor a file")
    except BadInputError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    raise BadInputError(
        f"{path}: does not exist{_siblings(path)}; give a folder with a config.json, that file, or organisation/name "
        "of the Hub"
    )


def _in_folder(folder: Path) -> Path:
    file = folder / _CONFIG
    if file.is_file():
        return file
    names = _names(folder)
    if _PARAMS in names:
        return folder / _PARAMS
    if any(name.endswith(".gguf") for name in names):
        raise NotUnderstoodError(
            f"{folder}: holds GGUF files but no config.json: their weights are not known"
        )
    near = nearest("config.json", [name for name in names if name != "config.json"])
    raise BadInputError(
        f"{folder}: holds no config.json{near}; give the folder that does, or the file itself"
    )


def _siblings(path: Path) -> str:
    return nearest(path.name, _names(path.parent)) if path.parent.is_dir() else ""


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())[:1000]
    except OSError:
        return []
