"""Which models fit on which GPUs: a cell is the best layout of one model on one deployment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import EXIT_CODES, Fit, Verdict
from vllm_costmeter.core.fit.sizing import with_most_seqs
from vllm_costmeter.core.gpu.count import counted
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release

WORKING_TOKENS = 8192
"""The default context of a cell: a conversation with a few pages of text."""

_BEST_FIRST: tuple[Verdict, ...] = ("fits", "tight", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, in one precision, on one deployment."""

    model: str
    quantization: str
    gpu: str
    """With a count where there are several."""
    verdict: Verdict
    """Of `asked_tokens`, as `costmeter check --max-model-len` gives it."""
    asked_tokens: int
    longest_tokens: int | None
    """The longest context that certainly fits, whatever was asked; None where it is unknown."""
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
    tokens: int | None = None,
    starts: tuple[ServerStart, ...] = (),
) -> Cell:
    """The best over all layouts of `gpu.count` GPUs. Without `tokens`, `WORKING_TOKENS` or the model's own maximum if
    that is less."""
    where = counted(gpu.name, gpu.count)
    if (why := model.fault(EngineArgs())) is not None:
        return Cell(name, quantization, where, "unknown", tokens or WORKING_TOKENS, None, message=why)
    asked = tokens or min(WORKING_TOKENS, model.max_model_len)
    found: list[Cell] = []
    faults: list[str] = []
    for layout in layouts(gpu.count):
        try:
            answer = fit(model, gpu, EngineArgs(layout=layout, max_model_len=asked), release, starts)
        except BadInputError as fault:
            faults.append(str(fault))
            continue
        except NotUnderstoodError as fault:
            return Cell(name, quantization, where, "unknown", asked, None, message=str(fault))
        found.append(_cell(with_fewer_seqs(answer, starts), name, quantization, where, asked))
        if found[-1].verdict == "fits":
            break
    if not found:
        return Cell(
            name, quantization, where, "refused", asked, 0, reason="parallel_layout", message=faults[0]
        )
    return min(found, key=lambda each: (_BEST_FIRST.index(each.verdict), -(each.longest_tokens or 0)))


def exit_code(cells: Iterable[Cell]) -> int:
    """That of `costmeter check` for the best of these: 0 where one fits (tight included), 3 where none does and one is
    not understood, else 1."""
    verdicts = {each.verdict for each in cells}
    return EXIT_CODES[next(each for each in _BEST_FIRST if each in verdicts)]


def layouts(gpus: int) -> Iterator[ParallelConfig]:
    """Every split of so many GPUs over tensor and pipeline parallelism, the widest tensor parallelism first."""
    for tensor in range(gpus, 0, -1):
        if gpus % tensor == 0:
            yield ParallelConfig(tensor_parallel_size=tensor, pipeline_parallel_size=gpus // tensor)


def with_fewer_seqs(answer: Fit, starts: tuple[ServerStart, ...]) -> Fit:
    """The same answer; where the default --max-num-seqs alone is too high, its message names the value that starts."""
    if answer.reason != "max_num_seqs":
        return answer
    seqs = with_most_seqs(answer, starts).max_num_seqs_that_fits
    return (
        replace(answer, message=f"{answer.message}; it fits with --max-num-seqs {seqs}") if seqs else answer
    )


def _cell(answer: Fit, name: str, quantization: str, where: str, asked: int) -> Cell:
    verdict, longest = answer.verdict, answer.max_model_len_that_fits
    layout = answer.engine_args.layout
    shape = Cell(name, quantization, where, verdict, asked, longest, reason=answer.reason or "")
    return replace(
        shape,
        tensor_parallel_size=layout.tensor_parallel_size,
        pipeline_parallel_size=layout.pipeline_parallel_size,
        message="" if verdict == "fits" else answer.message,
    )
