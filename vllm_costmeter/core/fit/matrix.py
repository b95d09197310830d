"""Which models fit on which cards: one cell is the best layout of one model on one deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

CellVerdict = Literal["fits", "tight", "no", "unknown"]
WORKING_TOKENS = 8192
"""The context that a cell asks for where nobody names one: a conversation with a few pages of text."""
LEAST_TOKENS = 2048
"""Below this a deployment is no use to anybody, and a model that fits only with less does not fit."""

_RANK: dict[CellVerdict, int] = {"fits": 0, "tight": 1, "no": 2, "unknown": 3}


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, in one precision, on one deployment."""

    model: str
    quantization: str
    gpu: str
    """As the reader names it, with a count where there are several."""
    verdict: CellVerdict
    """fits: the asked context; tight: only `longest_tokens`, or the asked one with luck; no: less than 2,048 tokens."""
    asked_tokens: int
    longest_tokens: int | None
    """The longest context that surely fits; None where it is not known."""
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    reason: str = ""
    message: str = ""


def cell(
    model: Model,
    gpu: GpuGroup,
    release: Release,
    *,
    name: str,
    quantization: str,
    tokens: int = WORKING_TOKENS,
    starts: tuple[ServerStart, ...] = (),
) -> Cell:
    """The best over all layouts of `gpu.count` cards; `tokens` is cut to what the model itself allows."""
    title = gpu.name if gpu.count == 1 else f"{gpu.count}x {gpu.name}"
    if (why := model.fault(EngineArgs())) is not None:
        return Cell(name, quantization, title, "unknown", tokens, None, message=why)
    asked = min(tokens, model.max_model_len)
    found: list[Cell] = []
    faults: list[str] = []
    for layout in layouts(gpu.count):
        try:
            answer = fit(model, gpu, EngineArgs(layout=layout, max_model_len=asked), release, starts)
        except BadInputError as fault:
            faults.append(str(fault))
            continue
        except NotUnderstoodError as fault:
            return Cell(name, quantization, title, "unknown", asked, None, message=str(fault))
        found.append(_cell(answer, name, quantization, title, asked))
        if found[-1].verdict == "fits":
            break
    if not found:
        return Cell(name, quantization, title, "no", asked, 0, reason="parallel_layout", message=faults[0])
    return min(found, key=lambda each: (_RANK[each.verdict], -(each.longest_tokens or 0)))


def layouts(cards: int) -> Iterator[ParallelConfig]:
    """Every split of so many cards over tensor and pipeline parallelism, the widest tensor parallelism first."""
    for tensor in range(cards, 0, -1):
        if cards % tensor == 0:
            yield ParallelConfig(tensor_parallel_size=tensor, pipeline_parallel_size=cards // tensor)


def _cell(answer: Fit, name: str, quantization: str, title: str, asked: int) -> Cell:
    longest = answer.max_model_len_that_fits
    verdict: CellVerdict
    if answer.verdict in ("fits", "unknown"):
        verdict = answer.verdict
    elif answer.verdict == "tight" or (longest or 0) >= LEAST_TOKENS:
        verdict = "tight"
    else:
        verdict = "no"
    layout = answer.engine_args.layout
    shape = Cell(name, quantization, title, verdict, asked, longest, reason=answer.reason or "")
    return replace(
        shape,
        tensor_parallel_size=layout.tensor_parallel_size,
        pipeline_parallel_size=layout.pipeline_parallel_size,
        message="" if verdict == "fits" else answer.message,
    )
