"""The check of one server that a deployment file declares."""

from __future__ import annotations

from functools import partial

from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.cli.check.run import Run
from vllm_costmeter.cli.check.server_gpu import gpu_of_server
from vllm_costmeter.cli.check.targets import answered, judged
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.release import NEWEST_KNOWN, Release, dotted, release_of
from vllm_costmeter.sources.catalogue.load import find_gpu
from vllm_costmeter.sources.gpu.text import split_count
from vllm_costmeter.sources.manifests.container_paths import config_values, local_model
from vllm_costmeter.sources.manifests.image import release_in
from vllm_costmeter.sources.manifests.place import LocatedError, Place
from vllm_costmeter.sources.manifests.placeholders import Settled
from vllm_costmeter.sources.manifests.server import DeclaredServer, settled_words
from vllm_costmeter.sources.serve_args.read import ServeCommand, read_command


def server_answer(server: DeclaredServer, request: CheckRequest, run: Run) -> CheckAnswer:
    """The result of a server, after those that start before it on its machine. A located error for bad input."""
    file, line = server.place.file, server.place.line
    if server.not_read is not None:
        return CheckAnswer(server.name, fault=server.not_read, is_unread=True, file=file, line=line)
    if server.fault is not None:
        raise server.place.fault(server.fault)
    settled = settled_words(server)
    asked = replace(server, name="", place=Place("", 0), gpus_line=None, machine=None, words=())
    question = (
        repr(asked),
        tuple(word.text for word in settled.words),
        settled.notes,
        run.neighbours.held_beside(server),
    )
    try:
        answer = run.answer(question, partial(_answer, server, settled, request, run))
    except LocatedError:
        raise
    except NotUnderstoodError as error:
        return CheckAnswer(server.name, fault=str(error), file=file, line=line)
    except BadInputError as error:
        raise server.place_of(str(error)).fault(f"{server.name}: {error}") from None
    if answer.fit is not None:
        run.neighbours.add(server, answer.fit)
    return replace(answer, title=server.name, file=file, line=line)


def _answer(server: DeclaredServer, settled: Settled, request: CheckRequest, run: Run) -> CheckAnswer:
    version = request.vllm_version or _release_of(server) or dotted(NEWEST_KNOWN)
    release = release_of(version)
    merged = request.over(_declared(server, settled, request, release), release, version)
    merged = replace(merged, environment={**server.environment, **request.environment})
    if not merged.models:
        unread = next((note for note in merged.serve.notes if note.startswith("vLLM does not read")), None)
        raise server.place.fault(f"{server.name}: names no model{f': {unread}' if unread else ''}")
    name = merged.models[0] if request.models else local_model(server, merged.models[0], request.path_maps)
    engine_args = merged.serve.engine_args()
    gpu = gpu_of_server(server, merged, engine_args.layout)
    gpu, shared = run.neighbours.beside(server, gpu, engine_args.layout.world_size)

    def check() -> Fit:
        return judged(name, gpu, engine_args, merged, run.model(name, merged))

    answer = answered(server.name, check, raises=True)
    if answer.fit is None:
        return answer
    own = (*_server_notes(server, merged, engine_args.layout), *_image_notes(server, request, merged))
    notes = (*shared, *answer.fit.notes, *server.notes, *settled.notes, *own)
    return replace(answer, fit=replace(answer.fit, notes=notes))


def _declared(
    server: DeclaredServer, settled: Settled, request: CheckRequest, release: Release
) -> ServeCommand:
    """The words of the server, with the --config file that they name."""
    return read_command(
        [word.text for word in settled.words],
        release,
        read_config=lambda name: config_values(server, name, request.path_maps),
    )


def _release_of(server: DeclaredServer) -> str | None:
    return release_in(server.image or "") or server.release


def _image_notes(server: DeclaredServer, request: CheckRequest, merged: CheckRequest) -> tuple[str, ...]:
    if request.vllm_version is not None or _release_of(server) is not None:
        return ()
    what = (
        "the file names no image"
        if server.image is None
        else f"image {server.image:.80} states no vLLM release"
    )
    return (f"{what}: using the rules of {merged.vllm_version}",)


def _server_notes(server: DeclaredServer, merged: CheckRequest, layout: ParallelConfig) -> tuple[str, ...]:
    notes = []
    if len(server.gpu_names) > 1 and merged.gpu is None:
        notes.append(f"may run on {', '.join(server.gpu_names)}: checked on the smallest")
    named = None if merged.gpu is None or merged.gpu_memory_gib else find_gpu(split_count(merged.gpu)[0]).name
    if named is not None and server.gpu_names and named not in server.gpu_names:
        notes.append(
            f"the file names {', '.join(server.gpu_names)}: checked on {named}, since --gpu goes before it"
        )
    if server.gpus is not None and server.gpus > layout.world_size:
        notes.append(f"{server.gpus_from} gives it {server.gpus} GPUs; its flags use {layout.world_size}")
    return tuple(notes)
