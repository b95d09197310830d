"""`costmeter check MODEL...`: one or several models on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vllm_costmeter.assembly import assembled
from vllm_costmeter.cli.check.opening import (
    in_its_environment,
    opened_model,
    reject_more_gpus,
    with_yarns_length,
)
from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu
from vllm_costmeter.sources.gpu.text import split_count
from vllm_costmeter.sources.serve_args.given import unmodelled_note
from vllm_costmeter.sources.vllm.installed import installed_release


def checked_models(request: CheckRequest) -> list[CheckAnswer]:
    """One result per model. The error of a single model is raised; with several, each error is a result."""
    models = tuple(map(request.local, request.models))
    if not models:
        raise BadInputError(
            "no model: give a local folder, a config.json or a Hub id, as in `costmeter check ./MODEL`"
        )
    if len(models) == 1:
        return [answered(models[0], partial(check_model, models[0], request), raises=True)]
    return [answered(model, partial(check_model, model, request), raises=False) for model in models]


def check_model(model: str, request: CheckRequest) -> Fit:
    """Read model and GPU, then check. Raises what the sources raise: BadInputError, NotUnderstoodError."""
    engine_args = request.serve.engine_args()
    opened = opened_model(model, request)
    note = None
    if engine_args.quantization is not None:
        from vllm_costmeter.cli.check.precision import at_precision

        opened, engine_args, note = at_precision(opened, engine_args)
        if request.is_exact and note is not None:
            raise BadInputError(
                f"--exact counts with vLLM's own code: it has no --quantization {request.serve.memory['quantization']}"
            )
    gpu = chosen_gpu(
        request.gpu,
        request.gpu_memory_gib,
        engine_args.layout,
        is_spread=request.serve.is_spread,
        device_ids=request.serve.local_gpus(),
    )
    reject_more_gpus(request, engine_args.layout)
    found = judged(model, gpu, engine_args, request, opened)
    return found if note is None else replace(found, notes=(note, *found.notes))


def answered(title: str, check: Callable[[], Fit], *, raises: bool) -> CheckAnswer:
    """The result of `check`, or its error as a result; with `raises`, bad input is raised."""
    try:
        return CheckAnswer(title, check())
    except NotUnderstoodError as error:
        return CheckAnswer(title, fault=str(error))
    except BadInputError as error:
        if raises:
            raise
        return CheckAnswer(title, fault=str(error), is_bad_input=True)


def judged(
    model: str, gpu: GpuGroup, engine_args: EngineArgs, request: CheckRequest, opened: Model | None = None
) -> Fit:
    """The result for the model of that name, `opened` or still to open, with a note for every given flag whose
    effect on memory is not modelled."""
    release = installed_release() if request.vllm_version is None else release_of(request.vllm_version)
    revision = request.serve.revision
    gpu = _with_other_processes(gpu, request.other_processes_gib)
    own = in_its_environment(opened or opened_model(model, request), engine_args, request, release)
    check = assembled(
        own.model,
        gpu,
        own.engine_args,
        release=release,
        revision=revision,
        hub_token=request.serve.hf_token,
    )
    if request.is_exact:
        from vllm_costmeter.plugin.exact.checking import counted_check

        check = counted_check(check, model, revision)
    if request.headroom:
        from vllm_costmeter.cli.check.headroom import with_headroom

        result = with_headroom(check, request.headroom)
    else:
        result = check.answer()
    result = with_yarns_length(check, result)
    unmodelled = map(partial(unmodelled_note, request.serve.cudagraph_mode), request.serve.unmodelled)
    notes = [*own.notes, *unmodelled]
    named, used = _gpus_named(request.gpu), result.engine.world_size
    if named > used:
        notes.insert(
            0, f"--gpu names {named} GPUs; these flags use {used}: --tensor-parallel-size sets how many"
        )
    result = replace(result, notes=(*result.notes, *request.serve.notes, *notes))
    return without_absent_flags(result, request.serve.absent)


def without_absent_flags(result: Fit, absent: tuple[str, ...]) -> Fit:
    """The result, refused if flags are absent from the release: vLLM stops before it reads anything."""
    if not absent:
        return result
    release = result.engine.release
    assumed = f" (no release was given: {release})" if release.is_assumed else ""
    message = f'vLLM stops with "unrecognized arguments": {"; ".join(absent)}{assumed}'
    return replace(
        result,
        verdict="refused",
        reason="flags",
        message=message,
        suggestions=(),
        notes=(f"without these flags: {result.message}", *result.notes),
    )


def _gpus_named(name: str | None) -> int:
    """The count in --gpu; 0 without one."""
    return 0 if name is None else split_count(name)[1]


def _with_other_processes(gpu: GpuGroup, held_gib: float | None) -> GpuGroup:
    """The GPU with that much of its memory taken. BadInputError for a GPU whose free memory was read, and for more
    than it has."""
    if held_gib is None:
        return gpu
    if gpu.is_local:
        raise BadInputError(
            "--other-processes is for GPUs named with --gpu or --gpu-memory-gib: those of this machine were asked"
        )
    held = round(held_gib * GIB)
    if held >= gpu.memory_bytes:
        raise BadInputError(
            f"--other-processes {held_gib:g} leaves nothing of the {gpu.memory_bytes / GIB:.2f} GiB of the {gpu.name}"
        )
    found = gpu.memory_bytes if gpu.free_bytes is None else gpu.free_bytes
    return replace(gpu, free_bytes=max(found - held, 1))
