"""Judges the fine-tunings in plans."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.economics.comparison import Training
from vllm_costmeter.core.economics.use_request import TrainingRequest, UseRequest
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.finetuning.judge import cheapest_that_fits, judged
from vllm_costmeter.core.finetuning.rate import estimated_rate
from vllm_costmeter.core.finetuning.run import Run
from vllm_costmeter.core.finetuning.settings import reject_contradictions
from vllm_costmeter.core.finetuning.shape import shape_of
from vllm_costmeter.core.finetuning.verdict import ZERO_GPUS
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.pricing.money import exact
from vllm_costmeter.sources.catalogue.load import default_price, load_catalogue
from vllm_costmeter.sources.models.packaged import named_model


def judged_training(request: UseRequest, gpu: GpuSpec, count: int) -> tuple[UseRequest, Training | None]:
    """The use with the hours that its training takes, and the verdict; None without a training.

    BadInputError for settings that contradict each other, and as `named_model` raises.
    """
    asked = request.training
    if asked is None:
        return request, None
    if gpu.is_slice and count > 1:
        raise BadInputError(f"{request.gpu}: MIG slices do not train together")
    name, model = named_model(asked.model)
    try:
        reject_contradictions(asked.settings, count, model.max_model_len, flag="", count="GPUs:")
    except BadInputError as fault:
        raise BadInputError(f"{request.gpu}, {asked.settings.method} of {name}: {fault}") from None
    try:
        run = asked.settings.run(shape_of(model), count)
    except NotUnderstoodError as fault:
        return request, Training(name, asked.settings, None, str(fault))
    return _judged(request, asked, name, run, gpu)


def _judged(
    request: UseRequest, asked: TrainingRequest, name: str, run: Run, gpu: GpuSpec
) -> tuple[UseRequest, Training]:
    rate, is_estimated = request.stated_rate(), False
    if request.hours is None and request.tokens is not None and rate is None:
        estimate = estimated_rate(run, gpu)
        if estimate is not None:
            request, is_estimated = replace(request, tokens_per_second=estimate.middle), True
    found = judged(run, gpu, rate)
    training = Training(name, asked.settings, found, is_rate_estimated=is_estimated)
    if found.verdict != "refused" or found.reason == "rate":
        return request, training
    nearest = cheapest_that_fits(run, _priced())
    if nearest is None:
        return request, training
    usd = next(usd for each, count, usd in _priced() if (each, count) == (nearest.gpu, nearest.run.gpus))
    return request, replace(training, nearest=nearest, nearest_usd_per_hour=usd)


@cache
def _priced() -> tuple[tuple[GpuSpec, int, Fraction], ...]:
    """(GPU, count, USD per hour of all) of the catalogue, in one machine."""
    found = []
    for gpu in load_catalogue().priced_gpus:
        for count in (1, *ZERO_GPUS):
            quote = default_price(gpu, count)
            if quote is not None and not gpu.is_slice and count <= (gpu.gpus_per_machine or ZERO_GPUS[-1]):
                found.append((gpu, count, exact(quote.usd_per_gpu_hour) * count))
    return tuple(found)
