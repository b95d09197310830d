"""`costmeter check MODEL...`: one or several models on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vllm_costmeter.assembly import assembled
from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu


def checked_models(request: CheckRequest) -> list[CheckAnswer]:
    """One result per model. The error of a single model is raised; with several, each error is a result."""
    models = request.models
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
    gpu = chosen_gpu(
        request.gpu,
        request.gpu_memory_gib,
        engine_args.layout,
        is_spread=request.serve.is_spread,
        device_ids=request.serve.local_gpus(),
    )
    return judged(model, gpu, engine_args, request)


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


def judged(model: str, gpu: GpuGroup, engine_args: EngineArgs, request: CheckRequest) -> Fit:
    """The result, with a note for every given flag whose effect on memory is not modelled."""
    release = None if request.vllm_version is None else release_of(request.vllm_version)
    revision = request.serve.revision
    check = assembled(
        model, gpu, engine_args, release=release, revision=revision, hub_token=request.serve.hf_token
    )
    if request.serve.cache_flags:
        from vllm_costmeter.sources.serve_args.cache_flags import check_cache_flags

        check_cache_flags(request.serve.cache_flags, check.grounds.release)
    if request.is_exact:
        from vllm_costmeter.plugin.exact.checking import counted_check

        check = counted_check(check, model, revision)
    result = check.answer()
    notes = tuple(map(partial(_unmodelled_note, request.serve.cudagraph_mode), request.serve.unmodelled))
    return replace(result, notes=(*result.notes, *notes))


def _unmodelled_note(cudagraph_mode: str | None, flag: str) -> str:
    if cudagraph_mode is not None and flag in ("--compilation-config", "--optimization-level"):
        return f"{flag}: {cudagraph_mode} is used for the limit of --max-num-seqs; the memory effect is not modelled"
    return f"{flag} may change GPU memory; its effect is not modelled"
