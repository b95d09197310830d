"""Which models fit on which GPUs: a cell is the best parallel layout of one model on one group of GPUs."""

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
"""Default context of a cell: enough for a conversation with a few pages of text."""

_BEST_FIRST: tuple[Verdict, ...] = ("fits", "tight", "unknown", "refused")


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, in one precision, on one group of GPUs."""

    model: str
    quantization: str
    gpu: str
    """The name, with a count if there are several."""
    verdict: Verdict
    """For a context of `asked_tokens`, as from `costmeter check --max-model-len`."""
    asked_tokens: int
    longest_tokens: int | None
    """The longest context that is certain to fit, independent of `asked_tokens`; None if unknown."""
    tensor_parallel_size: int = 1
    pipeline_parallel_size: int = 1
    reason: str = ""
    message: str = ""
    max_num_seqs_that_fits: int | None = None
    """The largest --max-num-seqs with which it fits, if only a smaller one than vLLM's default does."""


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
    """The best result over all layouts of `gpu.count` GPUs.

    `tokens` is the context that must fit; None: `WORKING_TOKENS`, or the model's maximum if that is shorter.
    """
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
    """Exit code of the best cell: 0 fits or tight, 3 none fits and one is unknown, else 1."""
    verdicts = {each.verdict for each in cells}
    return EXIT_CODES[next(each for each in _BEST_FIRST if each in verdicts)]


def layouts(gpus: int) -> Iterator[ParallelConfig]:
    """Every split of `gpus` into tensor and pipeline parallelism, the largest tensor-parallel size first."""
    for tensor in range(gpus, 0, -1):
        if gpus % tensor == 0:
            yield ParallelConfig(tensor_parallel_size=tensor, pipeline_parallel_size=gpus // tensor)


def with_fewer_seqs(answer: Fit, starts: tuple[ServerStart, ...]) -> Fit:
    """`answer`; if only --max-num-seqs is too high, with the largest value that fits, in its message too."""
    if answer.reason != "max_num_seqs":
        return answer
    found = with_most_seqs(answer, starts)
    seqs = found.max_num_seqs_that_fits
    return replace(found, message=f"{found.message}; it fits with --max-num-seqs {seqs}") if seqs else answer


def _cell(answer: Fit, name: str, quantization: str, where: str, asked: int) -> Cell:
    verdict, longest = answer.verdict, answer.max_model_len_that_fits
    layout = answer.engine_args.layout
    shape = Cell(name, quantization, where, verdict, asked, longest, reason=answer.reason or "")
    return replace(
        shape,
        tensor_parallel_size=layout.tensor_parallel_size,
        pipeline_parallel_size=layout.pipeline_parallel_size,
        message="" if verdict == "fits" else answer.message,
        max_num_seqs_that_fits=answer.max_num_seqs_that_fits or None,
    )
