"""`costmeter check --file`: the servers of deployment files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.cli.check.run import Run
from vllm_costmeter.cli.check.server import server_answer
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.report import CheckAnswer, FileCounts
from vllm_costmeter.sources.manifests.beside import Beside
from vllm_costmeter.sources.manifests.config_maps import config_maps_in
from vllm_costmeter.sources.manifests.place import LocatedError, NoServerError
from vllm_costmeter.sources.manifests.read import reading_of


def checked_files(paths: tuple[str, ...], request: CheckRequest) -> tuple[list[CheckAnswer], FileCounts]:
    """One result per server in the files, and what else they hold; flags on the command line override the files.

    With text output and a single server, its error is raised. Otherwise every error becomes a result, so that
    one run shows all of them and JSON always has the same shape.
    """
    if len(request.models) > 1 or (request.models and not _is_given_by_flag(request)):
        name = next(iter(request.models))
        raise BadInputError(
            f"{name}: no deployment file, nor a folder of them; --model NAME checks the files with another model"
        )
    counts, run = FileCounts(), Run()
    maps = config_maps_in(list(map(Path, paths))) if len(paths) > 1 else []
    beside = Beside(request.given, maps)
    checks = [(path, check) for path in paths for check in _checks(path, request, counts, run, beside)]
    if not checks and request.in_folders and not request.skip_other_files:
        raise BadInputError(f"no server to check: none of the {len(paths)} files starts `vllm serve`")
    if len(checks) == 1 and request.format in ("text", "github"):
        return [checks[0][1]()], counts
    return [fault_as_answer(path, check) for path, check in checks], counts


def _is_given_by_flag(request: CheckRequest) -> bool:
    return any(word.partition("=")[0] == "--model" for word in request.words)


def _checks(
    path: str, request: CheckRequest, counts: FileCounts, run: Run, beside: Beside
) -> list[Callable[[], CheckAnswer]]:
    """The check of each server in a file, or a single function that raises the file's error."""
    try:
        found = reading_of(Path(path), beside)
    except BadInputError as error:
        if isinstance(error, NoServerError) and (request.skip_other_files or path in request.in_folders):
            counts.other_files.append(path)
            return []
        return [partial(_raise, error)]
    counts.other_containers += len(found.others)
    counts.other_objects += found.num_objects
    return [partial(server_answer, server, request, run) for server in found.servers]


def _raise(fault: BadInputError) -> CheckAnswer:
    raise fault


def fault_as_answer(path: str, check: Callable[[], CheckAnswer]) -> CheckAnswer:
    """The answer, or its error as one."""
    try:
        return check()
    except LocatedError as error:
        place = error.place
        return CheckAnswer(
            str(place), fault=error.message, is_bad_input=True, file=place.file, line=place.line
        )
    except BadInputError as error:
        name = "<stdin>" if path == "-" else path
        return CheckAnswer(
            name, fault=str(error).removeprefix(f"{name}: "), is_bad_input=True, file=name, line=1
        )
