"""MODEL arguments that name deployment files: `costmeter check deploy/` and `costmeter check x.yaml`."""

from __future__ import annotations

import os
from pathlib import Path

from vllm_costmeter.cli.check.request import DEPLOYMENTS, CheckRequest
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.errors import BadInputError, unreadable

SUFFIXES = (".yaml", ".yml")
"""Of the files in a folder, those that are read."""
MOST_FILES = 20_000
_MODEL_FILES = (".safetensors", ".gguf", ".bin")


def with_files_of(request: CheckRequest) -> CheckRequest:
    """The request with the deployment files and the folders of manifests among its models as files.

    A file in a folder may start no server. BadInputError for a folder without a YAML file.
    """
    given = [name for name in request.models if _is_deployment(name)]
    paths = [*(request.files or ()), *given]
    if not given and not any(os.path.isdir(path) for path in paths):  # noqa: PTH112 (a check of a model loads no more)
        return request
    files: list[str] = []
    in_folders: list[str] = []
    for path in paths:
        if Path(path).is_dir():
            in_folders += _files_in(Path(path))
        else:
            files.append(path)
    models = tuple(name for name in request.models if name not in given)
    return replace(
        request,
        models=models,
        files=tuple(dict.fromkeys([*files, *in_folders])),
        in_folders=tuple(name for name in in_folders if name not in files),
    )


def _is_deployment(name: str) -> bool:
    if name == "-" or name.endswith(DEPLOYMENTS):
        return True
    path = Path(name)
    if not name.strip():
        return False
    try:
        if not path.is_dir() or (path / "config.json").exists():
            return False
        return not any(each.suffix in _MODEL_FILES for each in path.iterdir()) and bool(_found(path))
    except OSError:
        return False


def _files_in(folder: Path) -> list[str]:
    found = _found(folder)
    if not found:
        raise BadInputError(f"{folder}: holds no deployment file ({' or '.join(SUFFIXES)})")
    return found


def _found(folder: Path) -> list[str]:
    """The YAML files in the folder and below, in order; hidden ones are left out.

    BadInputError for a folder that cannot be read, and for more files than people keep manifests among.
    """
    found: list[str] = []
    seen = 0
    for above, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        shown = sorted(each for each in names if not each.startswith("."))
        found += [str(Path(above) / each) for each in shown if each.endswith(SUFFIXES)]
        seen += len(names)
        if seen > MOST_FILES:
            raise BadInputError(
                f"{folder}: holds more than {MOST_FILES:,} files: name the folder of the manifests"
            )
    return found


def _raise(error: OSError) -> None:
    raise unreadable(error.filename, error)
