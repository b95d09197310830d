"""What `costmeter check` is asked about on its command line: one model or several."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from vllm_costmeter.assembly import assembled
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import Fit
from vllm_costmeter.core.fit.report import CheckAnswer
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.release import release_of
from vllm_costmeter.sources.gpu.target import chosen_gpu
from vllm_costmeter.sources.serve_args.flags import device_ids, is_spread, plan_from, unmodelled_flags


def checked_models(args: argparse.Namespace) -> list[CheckAnswer]:
    """One answer per model. With one model its faults are raised; with several they are answers of their own."""
    models = [*args.models, *([args.model_flag] if args.model_flag else [])]
    if not models:
        raise BadInputError(
            "no model: give a local folder, a config.json or a Hub id, as in `costmeter check ./MODEL`"
        )
    if len(models) == 1:
        return [answered(models[0], partial(check_model, models[0], args), raises=True)]
    return [answered(model, partial(check_model, model, args), raises=False) for model in models]


def check_model(model: str, args: argparse.Namespace) -> Fit:
    """Read the world, judge, suggest. BadInputError and NotUnderstoodError as the sources raise them."""
    engine_args = plan_from(args)
    gpu = chosen_gpu(
        named_gpu(args),
        args.gpu_memory_gib,
        engine_args.layout,
        is_spread=is_spread(args),
        device_ids=device_ids(args),
    )
    return judged(model, gpu, engine_args, args)


def named_gpu(args: argparse.Namespace) -> str | None:
    """The card as it was named; an empty name is one, and a fault: it is an unset variable of a script."""
    name: str | None = args.gpu if args.gpu is not None else args.costmeter_gpu
    return name


def answered(title: str, check: Callable[[], Fit], *, raises: bool) -> CheckAnswer:
    try:
        return CheckAnswer(title, check())
    except NotUnderstoodError as error:
        return CheckAnswer(title, fault=str(error))
    except BadInputError as error:
        if raises:
            raise
        return CheckAnswer(title, fault=str(error), is_bad_input=True)


def judged(model: str, gpu: GpuGroup, engine_args: EngineArgs, args: argparse.Namespace) -> Fit:
    """The answer with a sentence for every given flag that it does not follow."""
    release = None if args.vllm_version is None else release_of(args.vllm_version)
    check = assembled(
        model, gpu, engine_args, release=release, revision=args.revision, hub_token=args.hf_token
    )
    if args.exact:
        from vllm_costmeter.plugin.exact.checking import counted_check

        check = counted_check(check, model, args.revision)
    result = check.answer()
    notes = tuple(
        f"{flag} may change memory in a way this check does not follow" for flag in unmodelled_flags(args)
    )
    return replace(result, notes=(*result.notes, *notes))
