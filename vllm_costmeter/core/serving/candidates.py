"""Every engine that may serve a model on the GPUs on offer: proven by the fit check, not yet priced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, replace
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
"""GPUs of an engine, which does not extend beyond one machine."""


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
        room = self.placed.room(requests.mean_context, requests.prompt_tokens + requests.output_tokens)
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


def candidates(
    offers: Sequence[Offer],
    precisions: Sequence[Precision],
    terms: Terms,
    starts: dict[str, tuple[ServerStart, ...]],
) -> tuple[list[Candidate], list[Fit], list[str]]:
    """(engines that start, refused fits, other reasons why a GPU or layout is out)."""
    found: list[Candidate] = []
    refused: list[Fit] = []
    faults: list[str] = []
    for offer in offers:
        for precision in precisions:
            for layout in _layouts(precision.model, min(offer.most_gpus, gpus_per_machine(offer.gpu))):
                args = _with(terms.engine_args, layout, precision.flag)
                try:
                    args, answer = fitted(
                        precision.model,
                        offer.gpu,
                        args,
                        terms.release,
                        starts.get(offer.gpu.name, ()),
                    )
                    if answer.verdict != "fits":
                        refused.append(answer)
                        continue
                    one = with_engine(precision.model, offer.gpu, args, answer, terms.link)
                except (BadInputError, NotUnderstoodError) as fault:
                    faults.append(f"{offer.gpu.name}, {precision.name}: {fault}")
                    continue
                one = calibrated(one, terms.calibrations, offer.gpu.name)
                found.append(Candidate(offer, precision.name, one, terms.tokens))
    return found, refused, faults


def _with(args: EngineArgs, layout: ParallelConfig, flag: str | None) -> EngineArgs:
    return replace(args, layout=layout, quantization=flag)


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
