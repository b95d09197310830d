"""`costmeter check --file`: the servers of deployment files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.cli.check.targets import answered, judged
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import NEWEST_KNOWN, dotted
from vllm_costmeter.sources.gpu.target import chosen_gpu
from vllm_costmeter.sources.gpu.text import split_count
from vllm_costmeter.sources.manifests.image import release_in
from vllm_costmeter.sources.manifests.place import LocatedError, NoServerError, Place
from vllm_costmeter.sources.manifests.read import servers_in
from vllm_costmeter.sources.manifests.server import DeclaredServer, reject_placeholders

Parse = Callable[[list[str]], CheckRequest]


def checked_files(paths: tuple[str, ...], request: CheckRequest, parse: Parse) -> list[CheckAnswer]:
    """One result per server in the files; flags on the command line override those in the files.

    With text output and a single server, its error is raised. Otherwise every error becomes a result, so that
    one run shows all of them and JSON always has the same shape.
    """
    if request.models:
        raise BadInputError("give either a model or --file, not both: the file names its models")
    checks = [(path, check) for path in paths for check in _checks(path, request, parse)]
    if not checks and request.in_folders and not request.skip_other_files:
        raise BadInputError(f"no server to check: none of the {len(paths)} files starts `vllm serve`")
    if len(checks) == 1 and request.format in ("text", "github"):
        return [checks[0][1]()]
    return [_fault_as_answer(path, check) for path, check in checks]


def _checks(path: str, request: CheckRequest, parse: Parse) -> list[Callable[[], CheckAnswer]]:
    """The check of each server in a file, or a single function that raises the file's error."""
    try:
        return [partial(_server_answer, server, request, parse) for server in servers_in(Path(path))]
    except BadInputError as error:
        if isinstance(error, NoServerError) and (request.skip_other_files or path in request.in_folders):
            return []
        return [partial(_raise, error)]


def _raise(fault: BadInputError) -> CheckAnswer:
    raise fault


def _fault_as_answer(path: str, check: Callable[[], CheckAnswer]) -> CheckAnswer:
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


def _server_answer(server: DeclaredServer, request: CheckRequest, parse: Parse) -> CheckAnswer:
    if server.not_read is not None:
        return CheckAnswer(server.name, fault=server.not_read, file=server.place.file, line=server.place.line)
    reject_placeholders(server)
    try:
        merged = _with_release(request.over(parse([word.text for word in server.words])), server)
        if not merged.models:
            raise server.place.fault(f"{server.name}: names no model")
        engine_args = merged.serve.engine_args()
        gpu = _gpu(server, merged, engine_args.layout)
        check = partial(judged, merged.models[0], gpu, engine_args, merged)
        answer = answered(server.name, check, raises=True)
    except LocatedError:
        raise
    except BadInputError as error:
        raise server.place_of(str(error)).fault(f"{server.name}: {error}") from None
    noted = answer.fit
    if noted is not None:
        noted = replace(
            noted,
            notes=(
                *noted.notes,
                *_server_notes(server, merged, engine_args.layout),
                *_image_notes(server, request, merged),
            ),
        )
    return replace(answer, fit=noted, file=server.place.file, line=server.place.line)


def _with_release(merged: CheckRequest, server: DeclaredServer) -> CheckRequest:
    """The release in the image's tag, or the newest known if it has none; never the one installed here."""
    if merged.vllm_version is not None or server.image is None:
        return merged
    return replace(merged, vllm_version=release_in(server.image) or dotted(NEWEST_KNOWN))


def _gpu(server: DeclaredServer, merged: CheckRequest, layout: ParallelConfig) -> GpuGroup:
    """The GPUs of a server, from the command line or else from the file."""
    needed, is_spread = layout.world_size, merged.serve.is_spread
    name = merged.gpu
    is_counted = name is not None and split_count(name)[0] != name.strip()
    if server.gpus is not None and needed > server.gpus and not (is_counted or is_spread):
        raise Place(server.place.file, server.gpus_line or server.place.line).fault(
            f"{server.name}: {layout.needs()}; the file gives it {server.gpus}"
        )
    if name is None and server.gpu_names:
        name = server.gpu_names[0]
    if name is None and merged.gpu_memory_gib is None:
        why = server.gpu_fault or "the file names no GPU (nodeSelector nvidia.com/gpu.product)"
        raise server.place.fault(f'{server.name}: {why}: add --gpu, as in --gpu "H100 SXM"')
    gpu = chosen_gpu(name, merged.gpu_memory_gib, layout, is_spread=is_spread)
    if is_counted or server.gpus is None:
        return gpu
    return replace(gpu, count=max(server.gpus, needed), is_count_stated=True)


def _image_notes(server: DeclaredServer, request: CheckRequest, merged: CheckRequest) -> tuple[str, ...]:
    if request.vllm_version is not None or server.image is None or release_in(server.image) is not None:
        return ()
    return (f"image {server.image:.80} states no vLLM release: using the rules of {merged.vllm_version}",)


def _server_notes(server: DeclaredServer, merged: CheckRequest, layout: ParallelConfig) -> tuple[str, ...]:
    notes = []
    if len(server.gpu_names) > 1 and merged.gpu is None:
        notes.append(f"may run on {', '.join(server.gpu_names)}: checked on the smallest")
    if server.gpus is not None and server.gpus > layout.world_size:
        notes.append(f"the file gives it {server.gpus} GPUs; its flags use {layout.world_size}")
    return tuple(notes)
