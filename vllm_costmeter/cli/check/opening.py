"""The model of a check with `--hf-overrides`, and what the environment of its server changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.assembly import Check
from vllm_costmeter.cli.check.request import CheckRequest
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release
from vllm_costmeter.sources.gpu.text import split_count
from vllm_costmeter.sources.models.open import open_model


@dataclass(frozen=True, slots=True)
class Own:
    """Model and flags as one server has them."""

    model: Model
    engine_args: EngineArgs
    notes: tuple[str, ...] = ()


def opened_model(name: str, request: CheckRequest) -> Model:
    """The model, with the values of --hf-overrides in its config.json. Raises as `open_model`."""
    serve = request.serve
    if serve.hf_overrides is None:
        try:
            return open_model(name, serve.revision, serve.hf_token)
        except BadInputError:
            _reject_other_file(name)
            raise
    if request.is_exact:
        raise BadInputError("--exact cannot be combined with --hf-overrides: leave one out")
    from vllm_costmeter.sources.model_config.overrides import overriding

    with overriding(serve.hf_overrides):
        return open_model(name, serve.revision, serve.hf_token)


def _reject_other_file(name: str) -> None:
    """BadInputError that says what a file is which by its name is no model's: a Dockerfile, a program, HCL."""
    from vllm_costmeter.sources.manifests.texts import MODEL_FILE, named_text

    try:
        path = Path(name)
        what = named_text(path.name) if path.is_file() else None
    except (OSError, ValueError):
        return
    if what is not None and what != MODEL_FILE:
        raise BadInputError(f"{name}: {what}") from None


def in_its_environment(model: Model, engine_args: EngineArgs, request: CheckRequest, release: Release) -> Own:
    """Model and flags with what the variables of the server's process change."""
    environment = _environment(request)
    notes = []
    if request.serve.hf_overrides is not None:
        notes.append(
            f"--hf-overrides: {', '.join(map(str, request.serve.hf_overrides))} put into config.json"
        )
    used = engine_args.layout.world_size
    if request.stated_gpus is not None and request.stated_gpus[0] > used:
        count, said = request.stated_gpus
        notes.append(f"{said} gives it {count} GPUs; its flags use {used}")
    if not environment:
        return Own(model, engine_args, tuple(notes))
    from vllm_costmeter.sources.serve_args.environment import environment_effect

    effect = environment_effect(environment, release)
    longest = model.max_model_len
    asked = engine_args.max_model_len or 0
    if effect.allows_longer and asked > longest:
        model = replace(model, max_model_len=asked, lengths_before_0_30=None)
        notes.append(
            f"VLLM_ALLOW_LONG_MAX_MODEL_LEN lets it start above the model's maximum of {longest:,} tokens: answers may "
            "be wrong beyond it"
        )
    engine_args = replace(
        engine_args,
        cuda_graphs_in_budget=effect.cuda_graphs_in_budget,
        chunked_local_hybrid=effect.chunked_local_hybrid,
        second_runner=effect.second_runner,
    )
    return Own(model, engine_args, (*notes, *effect.notes))


def _environment(request: CheckRequest) -> Mapping[str, str]:
    """What is given for the server; on this machine's own GPUs, this process's variables too."""
    if request.gpu is not None or request.gpu_memory_gib is not None or request.files is not None:
        return request.environment
    import os

    from vllm_costmeter.sources.serve_args.environment import DECIDING

    return {**{name: os.environ[name] for name in DECIDING if name in os.environ}, **request.environment}


def reject_more_gpus(request: CheckRequest, layout: ParallelConfig) -> None:
    """BadInputError where the command's container, or CUDA_VISIBLE_DEVICES, leaves it too few GPUs for its flags."""
    if request.stated_gpus is None or request.serve.is_spread:
        return
    count, said = request.stated_gpus
    is_counted = request.gpu is not None and split_count(request.gpu)[0] != request.gpu.strip()
    if layout.world_size > count and not is_counted:
        raise BadInputError(f"{layout.needs()}; {said} gives it {count}")


def with_yarns_length(check: Check, result: Fit) -> Fit:
    """For a length that only releases before 0.30 derive from YaRN: what newer ones need, and what it would hold."""
    older = check.model.lengths_before_0_30
    length, longest = result.engine.max_model_len, check.model.max_model_len
    if result.reason != "max_model_len" or older is None or length > older[0]:
        return result
    longer = replace(check, model=replace(check.model, max_model_len=length, lengths_before_0_30=None)).fit()
    message = (
        f"vLLM 0.30 and newer accept {length:,} tokens with YaRN only where max_position_embeddings, now {longest:,}, "
        f"says so too: set it to {length} in --hf-overrides; then: {longer.message}"
    )
    return replace(result, message=message)
