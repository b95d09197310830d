"""The fit check inside `vllm serve`: after the flags are resolved, before a weight is read or a process started."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from vllm_costmeter.assembly import Check, assembled
from vllm_costmeter.core import dataclass as dataclasses
from vllm_costmeter.core.engine.args import ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.messages import ENCODES_ALONE
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.settings.table import Settings
from vllm_costmeter.outputs.check.text import refusal_lines
from vllm_costmeter.plugin.exact.ask import ExactUnavailableError
from vllm_costmeter.plugin.exact.while_starting import counted_while_starting, unknown_being_served
from vllm_costmeter.plugin.faults import FAULTS
from vllm_costmeter.plugin.probe import parts_without, tell_flags_given_up
from vllm_costmeter.plugin.serving.served_model import draft_being_served, model_being_served
from vllm_costmeter.plugin.starting import boot_facts
from vllm_costmeter.plugin.starting.server_settings import chosen_settings
from vllm_costmeter.sources.catalogue.api_prices import chosen_api_price
from vllm_costmeter.sources.catalogue.load import parse_gpu
from vllm_costmeter.sources.files.ledger_path import check_ledger
from vllm_costmeter.sources.gpu.local import NoLocalGpuError, local_gpus
from vllm_costmeter.sources.serve_args.environment import environment_effect
from vllm_costmeter.sources.serve_args.given import UNMODELLED, unmodelled_note, without_ours
from vllm_costmeter.sources.vllm.config import (
    device_ids_of_engine_args,
    fields_changed,
    is_on_cpu,
    plan_from_engine_args,
    resolved_hybrid_manager,
    served_name,
    spans_machines,
    with_resolved_defaults,
    with_resolved_drafter,
    with_resolved_scheduling,
)
from vllm_costmeter.sources.vllm.installed import running_release
from vllm_costmeter.sources.vllm.touched import CONFIGURATION

log = logging.getLogger("vllm.costmeter")

CHECKED = "_COSTMETER_CHECKED"
"""Set once the check has run: API server processes resolve the configuration again and need not check it again."""


CHECKED_FIELDS = tuple(row for row in CONFIGURATION if {"check", "assumed"}.intersection(row.parts.split()))


class Preflight:
    """Made from EngineArgs before vLLM resolves them (it fills defaults in place), used on the VllmConfig after."""

    def __init__(self, engine_args: Any) -> None:
        """Validates the settings. A bad one ends the process with exit code 2 and one line."""
        self._first = CHECKED not in os.environ
        try:
            self._settings = chosen_settings(getattr(engine_args, "additional_config", None))
            check_names(self._settings, served_name(engine_args))
            check_ledger(self._settings.ledger)
        except BadInputError as why:
            _stop([f"error: {why}"], 2)
        tell_flags_given_up()
        self._plan = plan_from_engine_args(engine_args)
        self._device_ids = device_ids_of_engine_args(engine_args)
        self._unmodelled = _unmodelled_notes(engine_args, self._plan.cudagraph_mode)

    def check(self, config: Any) -> None:
        """Refuse, warn or pass, once per server. A fault of our own never stops a start: it is logged.

        Nothing that can fail stands between a refusal and the end of the process.
        """
        if not self._first:
            return
        os.environ[CHECKED] = "1"
        result = None if self._settings.preflight == "off" else self._verdict(config)
        if result is not None:
            lines = _lines(result)
            if result.is_refused and self._settings.preflight == "refuse":
                _stop([*lines, "To start anyway: --costmeter-preflight warn"], 1)
            for line in (*lines, *result.notes):
                log.log(logging.INFO if result.verdict == "fits" else logging.WARNING, "costmeter: %s", line)
        boot_facts.hand_over(result)

    def _verdict(self, config: Any) -> Fit | None:
        """None where there is nothing to check against, or our own code failed."""
        try:
            return self._fit(config)
        except BadInputError as why:
            _stop([f"error: {why}"], 2)
        except Exception:
            FAULTS.add("start")
            log.exception("costmeter: the fit check failed and is skipped")
            return None

    def _fit(self, config: Any) -> Fit | None:
        if "check" in parts_without(CHECKED_FIELDS, config):
            return None
        if self._plan.encodes_alone:
            log.warning("costmeter: the fit check is skipped: %s", ENCODES_ALONE)
            return None
        try:
            gpu = serving_gpu(self._settings, self._plan.layout, self._device_ids, spans_machines(config))
        except NoLocalGpuError as why:
            log.warning(
                "costmeter: %s, so the fit check is skipped; "
                'name one with --costmeter-gpu, such as --costmeter-gpu "RTX 4090"',
                why.reason,
            )
            return None
        engine_args = with_resolved_scheduling(with_resolved_drafter(self._plan, config), config)
        if gpu.is_local:
            engine_args = with_resolved_defaults(engine_args, config)
        try:
            model = model_being_served(config)
        except NotUnderstoodError as why:
            model = unknown_being_served(config, str(why))
        release = running_release()
        effect = environment_effect(os.environ, release)
        engine_args = dataclasses.replace(
            engine_args,
            cuda_graphs_in_budget=effect.cuda_graphs_in_budget,
            chunked_local_hybrid=effect.chunked_local_hybrid,
            second_runner=effect.second_runner,
        )
        check = assembled(
            model,
            gpu,
            engine_args,
            release=release,
            calibration="cpu" if is_on_cpu(config) else "gpu",
            open_draft=draft_being_served,
            hybrid_manager_is_off=resolved_hybrid_manager(config),
        )
        result = check.fit()
        if result.verdict == "unknown":
            try:
                counted = counted_while_starting(config, check.model, gpu, check.engine_args, release)
            except ExactUnavailableError as why:
                log.warning(
                    "costmeter: the fit check is skipped: %s (and vLLM's own count failed: %s)",
                    result.message,
                    why,
                )
                return None
            check = dataclasses.replace(check, model=counted)
            result = check.fit()
        result = dataclasses.replace(result, notes=(*result.notes, *effect.notes, *self._unmodelled))
        return _with_suggestions(check, result)


def _unmodelled_notes(engine_args: Any, cudagraph_mode: str | None) -> tuple[str, ...]:
    """As a check of the same command has them."""
    changed = fields_changed(engine_args, UNMODELLED)
    names = sorted(
        name for name, value in changed.items() if without_ours(value) == value or without_ours(value)
    )
    return tuple(unmodelled_note(cudagraph_mode, f"--{name.replace('_', '-')}") for name in names)


def _with_suggestions(check: Check, result: Fit) -> Fit:
    """The answer stands whether or not what would fit can be found."""
    try:
        return check.suggested(result)
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter: the search for changes that fit failed")
        return result


def _lines(result: Fit) -> list[str]:
    try:
        return refusal_lines(result)
    except Exception:
        FAULTS.add("start")
        log.exception("costmeter: the numbers of the fit check cannot be shown")
        return [f"{result.verdict}: {result.message}"]


def check_names(settings: Settings, model: str) -> None:
    """Names that only the catalogue can judge. BadInputError, with the nearest, for one that it does not know."""
    if settings.gpu is not None:
        parse_gpu(settings.gpu)
    if settings.api_provider is not None:
        chosen_api_price(settings.api_provider, settings.api_model, model)


def serving_gpu(
    settings: Settings, layout: ParallelConfig, device_ids: Sequence[int | str] | None, spans_machines: bool
) -> GpuGroup:
    """The GPU to check against: the one that was named, else those that NVML shows and vLLM takes. NoLocalGpuError
    without either."""
    world_size = layout.world_size
    if settings.gpu is not None:
        spec, count = parse_gpu(settings.gpu)
        return spec.as_gpu(max(count, world_size) if count == 1 else count)
    gpu = local_gpus(world_size, device_ids=device_ids)[0]
    return dataclasses.replace(gpu, count=max(gpu.count, world_size)) if spans_machines else gpu


def _stop(lines: list[str], code: int) -> NoReturn:
    """Say why and end the process without a traceback, also where nothing can be said: standard error may be closed, or
    a log file on a full disk."""
    with contextlib.suppress(Exception):
        print("\n".join(f"costmeter: {line}" for line in lines), file=sys.stderr, flush=True)  # noqa: T201 the user's terminal
    raise SystemExit(code)
