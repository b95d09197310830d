"""Builds plans: looks up the GPUs, prices, models and break-evens of a request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from vllm_costmeter.assembly import grounds_on
from vllm_costmeter.cli.economics import price_terms
from vllm_costmeter.cli.economics.plan_training import judged_training
from vllm_costmeter.cli.economics.price_flags import PriceFlags, reject_owned_terms
from vllm_costmeter.cli.economics.typed_flags import reject_flags
from vllm_costmeter.core.dataclass import replace
from vllm_costmeter.core.economics.break_even import BreakEven, break_even
from vllm_costmeter.core.economics.comparison import ComparedPlan, Comparison, Line
from vllm_costmeter.core.economics.plan import MonthlyPlan, Use
from vllm_costmeter.core.economics.use_request import PlanRequest, UseRequest
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.matrix import cell
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.precision import requantized
from vllm_costmeter.core.pricing.hourly import HourlyCost
from vllm_costmeter.sources.catalogue.load import default_price, parse_gpu
from vllm_costmeter.sources.models.packaged import NamedModel


def compared(
    requests: Sequence[PlanRequest],
    price: PriceFlags,
    models: Sequence[NamedModel],
    precision: str,
    *,
    bought: date,
    today: date,
) -> Comparison:
    """BadInputError for an unknown GPU, a missing or contradictory price, or impossible hours."""
    if not any(use.is_owned for request in requests for use in request.uses):
        why = "is a term of owned GPUs, and no plan has any: write 'RTX 4090 160h owned'"
        reject_flags(price, ("purchase_usd",), why)
        reject_owned_terms(price, why)
    plans = []
    for request in requests:
        lines = tuple(_line(each, price, models, precision, today) for each in request.uses)
        plans.append(ComparedPlan(MonthlyPlan(request.name, tuple(line.use for line in lines)), lines))
    return Comparison(tuple(plans), bought, precision)


def _line(
    request: UseRequest, flags: PriceFlags, models: Sequence[NamedModel], precision: str, today: date
) -> Line:
    gpu, count = parse_gpu(request.gpu)
    request, training = judged_training(request, gpu, count)
    priced = _priced(request, flags, gpu, count, today)
    use = Use(
        gpu=gpu.name,
        cost=priced.cost,
        hours=request.stated_hours(),
        purpose=request.purpose,
        tokens_per_second=request.stated_rate(),
        utilisation=request.utilisation,
        minimum_hours=request.minimum_hours,
        billed_by_hours=request.billed_by_hours,
    )
    rent = _rented(request, gpu, count, today) if priced.cost.owned is not None else None
    return Line(
        use,
        gpu,
        priced.in_words,
        _largest(gpu, count, models, precision),
        None if rent is None else _break_even(use, rent),
        price_terms.price_values(priced),
        "" if rent is None else rent.in_words,
        training,
    )


def _priced(
    request: UseRequest, flags: PriceFlags, gpu: GpuSpec, count: int, today: date
) -> price_terms.PricedGpus:
    if not request.is_owned:
        found = _rented(request, gpu, count, today)
        if found is None:
            raise BadInputError(
                f"the catalogue has no price for {gpu.name}: state it, as in '{request.gpu} @2.50'"
            )
        return found
    stated: dict[str, Any] = dict(request.owned)
    terms = replace(flags, **stated)
    if terms.purchase_usd is None:
        raise BadInputError(f"{request.gpu} owned: give --purchase-usd, the price of one GPU")
    return price_terms.owned_gpus(terms, gpu, count, "as stated", today)


def _rented(request: UseRequest, gpu: GpuSpec, count: int, today: date) -> price_terms.PricedGpus | None:
    """The stated rental price, else the catalogue's; None if there is neither."""
    if request.usd_per_gpu_hour is not None and request.usd_per_hour is not None:
        raise BadInputError(f"{request.gpu} has two prices, per GPU and per node: keep one")
    stated = request.usd_per_hour
    if request.usd_per_gpu_hour is not None:
        stated = request.usd_per_gpu_hour * count
    if stated is not None:
        return price_terms.PricedGpus(HourlyCost(count, rental_usd=stated), "as stated")
    known = default_price(gpu, count) is not None
    return price_terms.catalogue_price(gpu, count, today) if known else None


def _break_even(use: Use, rent: price_terms.PricedGpus) -> BreakEven:
    owned, gpus = use.cost.owned, use.cost.gpus
    assert owned is not None
    return break_even(owned, rent.cost.usd_per_hour() / gpus, use.hours, gpus, use.utilisation)


def _largest(spec: GpuSpec, count: int, models: Sequence[NamedModel], precision: str) -> str | None:
    if spec.memory_bytes is None:
        return None
    gpu = spec.as_gpu(1 if spec.is_slice else count)  # no model spreads over slices
    on = grounds_on(gpu)
    for name, model in sorted(models, key=lambda each: -(each.model.parameters or 0)):
        try:
            shaped = requantized(model, precision)
            found = cell(shaped, gpu, on.release, name=name, quantization=precision, starts=on.starts)
        except NotUnderstoodError:
            continue
        if found.verdict == "fits":
            return name
    return None
