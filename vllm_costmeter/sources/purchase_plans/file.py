"""Read plans from a TOML file: `[[plan]]` with a name and `[[plan.use]]` tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vllm_costmeter.core.economics.use_request import PlanRequest, TrainingRequest, UseRequest
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.finetuning.run import OPTIMIZERS
from vllm_costmeter.core.finetuning.settings import FRAMEWORKS, METHODS, Settings
from vllm_costmeter.core.pricing.money import above_zero, at_least_zero, share
from vllm_costmeter.sources.catalogue.rows import reject_unknown
from vllm_costmeter.sources.files.toml import read_toml

_OWNED: Mapping[str, Callable[[Any, str], Any]] = {
    "purchase_usd": above_zero,
    "lifetime_years": above_zero,
    "residual_usd": at_least_zero,
    "electricity_usd_per_kwh": at_least_zero,
    "watts": above_zero,
    "idle_watts": at_least_zero,
    "pue": above_zero,
    "overhead_usd_per_month": at_least_zero,
}
_NUMBERS: Mapping[str, Callable[[Any, str], Any]] = {
    "hours": above_zero,
    "usd_per_gpu_hour": above_zero,
    "usd_per_hour": above_zero,
    "tokens_per_second": above_zero,
    "tokens": above_zero,
    "minimum_hours": above_zero,
    "billed_by_hours": above_zero,
}
_WHOLE: Mapping[str, tuple[int, int]] = {
    "rank": (1, 1 << 20),
    "batch_size": (1, 1 << 20),
    "sequence_length": (1, 1 << 30),
    "zero": (0, 3),
    "tensor_parallel_size": (1, 1 << 20),
}
_CHOICES: Mapping[str, Sequence[Any]] = {
    "method": METHODS,
    "optimizer": tuple(OPTIMIZERS),
    "framework": tuple(FRAMEWORKS),
    "gradient_checkpointing": (True, False),
}
_SETTINGS = (*_WHOLE, *_CHOICES)
_KEYS = ("gpu", "purpose", "utilization", *_NUMBERS, *_OWNED, "model", *_SETTINGS)


def read_plans(file: Path) -> list[PlanRequest]:
    """Every plan in the file. BadInputError names the file, the plan and the key."""
    values = read_toml(file, "plan file")
    reject_unknown(values, ("plan",), str(file))
    plans = _tables(values.get("plan"), f"{file}: [[plan]]")
    return [_plan(plan, f"{file}: plan {number}") for number, plan in enumerate(plans, 1)]


def _plan(values: Mapping[str, Any], where: str) -> PlanRequest:
    reject_unknown(values, ("name", "use"), where)
    name = values.get("name")
    if not isinstance(name, str) or not name.strip():
        raise BadInputError(f"{where}: 'name' must be a string")
    uses = _tables(values.get("use"), f"{where}: [[plan.use]]")
    return PlanRequest(name, tuple(_use(use, f"{where}, use {number}") for number, use in enumerate(uses, 1)))


def _use(values: Mapping[str, Any], where: str) -> UseRequest:
    reject_unknown(values, _KEYS, where)
    gpu, purpose = values.get("gpu"), values.get("purpose", "serving")
    if not isinstance(gpu, str) or not gpu.strip():
        raise BadInputError(f"{where}: 'gpu' must be a GPU, such as \"8x H100 SXM\"")
    if purpose not in ("serving", "training"):
        raise BadInputError(f"{where}: purpose must be serving or training, got {purpose!r}")
    numbers = {key: read(values[key], f"{where}: {key}") for key, read in _NUMBERS.items() if key in values}
    owned = {key: read(values[key], f"{where}: {key}") for key, read in _OWNED.items() if key in values}
    utilisation = share(values.get("utilization", 1), f"{where}: utilization")
    training = _training(values, where)
    if training is not None:
        if values.get("purpose") == "serving":
            raise BadInputError(
                f"{where}: purpose is serving, and {training.settings.method} is a fine-tuning"
            )
        purpose = "training"
    return UseRequest(
        gpu=gpu,
        purpose=purpose,
        utilisation=utilisation,
        is_owned=bool(owned),
        owned=owned,
        training=training,
        **numbers,
    )


def _training(values: Mapping[str, Any], where: str) -> TrainingRequest | None:
    """What a use trains; None if it names neither a model nor a setting of training."""
    settings = {key: values[key] for key in _SETTINGS if key in values}
    if not settings and "model" not in values:
        return None
    model = values.get("model")
    if not isinstance(model, str) or not model.strip():
        raise BadInputError(f"{where}: a training needs a model, such as model = 'Llama 3.3 70B'")
    if "method" not in settings:
        raise BadInputError(f"{where}: a training needs a method: {', '.join(METHODS)}")
    for key, value in settings.items():
        if key in _CHOICES:
            if value not in _CHOICES[key]:
                allowed = ", ".join(str(each).lower() for each in _CHOICES[key])
                raise BadInputError(f"{where}: {key} must be one of {allowed}, got {value!r:.40}")
        elif (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not _WHOLE[key][0] <= value <= _WHOLE[key][1]
        ):
            low, high = _WHOLE[key]
            raise BadInputError(
                f"{where}: {key} must be a whole number from {low} to {high}, got {value!r:.40}"
            )
    return TrainingRequest(model, Settings(**settings))


def _tables(value: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise BadInputError(
            f"{where} is missing: a file holds [[plan]] tables, each with [[plan.use]] tables"
        )
    return value
