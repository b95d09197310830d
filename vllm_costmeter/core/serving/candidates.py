"""Every engine that may serve a model on the GPUs on offer: proven by the fit check, not yet priced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release
from vllm_costmeter.core.serving.arrivals import Loads
from vllm_costmeter.core.serving.calibration import Calibration, calibrated
from vllm_costmeter.core.serving.links import Link
from vllm_costmeter.core.serving.load import Requests
from vllm_costmeter.core.serving.placement import Placed, fitted, with_engine
from vllm_costmeter.core.serving.serving_gpu import gpus_per_machine

ENGINE_SIZES = (1, 2, 4, 8)
"""GPUs of an engine within one machine."""
ACROSS_MACHINES = (ParallelConfig(8, 2), ParallelConfig(8, 4))
"""Layouts over two and four machines of eight, for models that no single machine holds."""


@dataclass(frozen=True, slots=True)
class Precision:
    """One precision in which the model may be served."""

    name: str
    """As in --quantizations: "as-published", "fp8", "awq"."""
    model: Model
    flag: str | None
    """Of `vllm serve --quantization`; None: the checkpoint says it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """GPUs that may be used."""

    gpu: GpuSpec
    is_owned: bool = False
    most_gpus: int = 1 << 20
    """How many there are."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One engine: a layout of the model on GPUs of one kind."""

    offer: Offer
    quantization: str
    placed: Placed
    tokens: int
    """Of the longest request, to which --max-model-len is set."""

    @property
    def gpu(self) -> GpuSpec:
        return self.offer.gpu

    @property
    def most_gpus(self) -> int:
        return self.offer.most_gpus

    @property
    def layout(self) -> ParallelConfig:
        return self.placed.engine_args.layout

    @property
    def gpus_per_engine(self) -> int:
        """With data-parallel experts, those of all ranks: they are one engine that shares its experts."""
        return self.layout.world_size

    def loads(self, requests: Requests) -> Loads:
        """One rank's; with data-parallel experts every rank has as many."""
        room = self.placed.room(requests.mean_context)
        return Loads(self.placed.engine, requests, float(room), self.layout.data_parallel_size)


@dataclass(frozen=True, slots=True)
class Terms:
    """What all engines share."""

    release: Release
    engine_args: EngineArgs
    """With --max-model-len and the flags that every row has."""
    tokens: int
    link: Link | None = None
    calibrations: tuple[Calibration, ...] = ()
    """Of measured servers; each engine takes those of its GPU and model."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of every layout that was tried."""

    found: list[Candidate] = field(default_factory=list)
    """Engines that start."""
    refused: list[Fit] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Other reasons why a GPU or layout is out."""


def candidates(
    offers: Sequence[Offer],
    precisions: Sequence[Precision],
    terms: Terms,
    starts: dict[str, tuple[ServerStart, ...]],
) -> Tried:
    """Every engine on every offer in every precision; over several machines only if one holds none."""
    tried = Tried()
    for offer in offers:
        machine = gpus_per_machine(offer.gpu)
        known = starts.get(offer.gpu.name, ())
        for precision in precisions:
            before = len(tried.found)
            for layout in _layouts(precision.model, min(offer.most_gpus, machine)):
                _try(offer, precision, layout, terms, starts=known, tried=tried)
            if len(tried.found) > before or machine < max(ENGINE_SIZES) or not precision.model.is_pipelined:
                continue
            for layout in ACROSS_MACHINES:
                if layout.world_size <= offer.most_gpus:
                    _try(offer, precision, layout, terms, starts=known, tried=tried)
    return tried


def _try(
    offer: Offer,
    precision: Precision,
    layout: ParallelConfig,
    terms: Terms,
    *,
    starts: tuple[ServerStart, ...],
    tried: Tried,
) -> None:
    args = replace(terms.engine_args, layout=layout, quantization=precision.flag)
    try:
        args, answer = fitted(precision.model, offer.gpu, args, terms.release, starts)
        if answer.verdict != "fits":
            tried.refused.append(answer)
            return
        one = with_engine(precision.model, offer.gpu, args, answer, terms.link)
    except (BadInputError, NotUnderstoodError) as fault:
        tried.faults.append(f"{offer.gpu.name}, {precision.name}: {fault}")
        return
    one = calibrated(one, terms.calibrations, offer.gpu.name)
    tried.found.append(Candidate(offer, precision.name, one, terms.tokens))


def _layouts(model: Model, most_gpus: int) -> Iterator[ParallelConfig]:
    """Of one engine: every split of its GPUs; for experts also whole ones on each GPU, without and with data-parallel
    attention."""
    for size in ENGINE_SIZES:
        if size > most_gpus:
            return
        for tensor in (each for each in ENGINE_SIZES if size % each == 0):
            stages = size // tensor
            if stages > 1 and not model.is_pipelined:
                continue
            yield ParallelConfig(tensor, stages)
            if model.is_moe and tensor > 1 and stages == 1:
                yield ParallelConfig(tensor, enable_expert_parallel=True)
        if model.is_moe and size > 1:
            yield ParallelConfig(data_parallel_size=size, enable_expert_parallel=True)
