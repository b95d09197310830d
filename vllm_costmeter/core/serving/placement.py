"""Every way to place one model on a number of GPUs, each proven by the fit check, and its engine."""

from __future__ import annotations

from collections.abc import Iterator

from vllm_costmeter.core.calibration.server_start import ServerStart
from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.fit.fit import fit
from vllm_costmeter.core.fit.result import Fit
from vllm_costmeter.core.fit.sizing import with_most_seqs
from vllm_costmeter.core.gpu.spec import GpuSpec
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Release
from vllm_costmeter.core.serving.links import Link
from vllm_costmeter.core.serving.served_model import served_model
from vllm_costmeter.core.serving.serving_gpu import serving_gpu
from vllm_costmeter.core.serving.step import Engine


@dataclass(frozen=True, slots=True)
class Placed:
    """One layout that vLLM starts, with room for some requests."""

    model: Model
    engine_args: EngineArgs
    fit: Fit
    engine: Engine
    calibrated_by: str = ""
    """The measurements that the engine's speed was fitted to, in words; "" if there are none."""

    def room(self, context_tokens: float) -> int:
        """Requests of `context_tokens` on average that one engine holds at once: in the KV cache at the low end of its
        range, and by --max-num-seqs; at least one."""
        cache = self.fit.kv_cache
        seqs = self.fit.engine.max_num_seqs
        if cache is None or not cache.bytes_per_token:
            return seqs
        held = cache.tokens_range[0] / max(context_tokens, 1.0)
        return max(1, min(seqs, int(held)))


def layouts(
    gpus: int, data_parallel_size: int = 1, *, expert_parallel: bool = False
) -> Iterator[ParallelConfig]:
    """Every split of `gpus` into tensor and pipeline parallelism within each of the data-parallel ranks."""
    each = gpus // data_parallel_size
    for tensor in range(each, 0, -1):
        if each % tensor == 0:
            yield ParallelConfig(
                tensor, each // tensor, data_parallel_size, enable_expert_parallel=expert_parallel
            )


def placed(
    model: Model,
    spec: GpuSpec,
    engine_args: EngineArgs,
    release: Release,
    *,
    starts: tuple[ServerStart, ...] = (),
    link: Link | None = None,
) -> Placed:
    """This layout, with fewer sequences if only those are too many. Its fit may be refused: the engine then says how
    fast it would be. BadInputError and NotUnderstoodError as the fit check and `served_model`."""
    engine_args, found = fitted(model, spec, engine_args, release, starts)
    return with_engine(model, spec, engine_args, found, link)


def fitted(
    model: Model,
    spec: GpuSpec,
    engine_args: EngineArgs,
    release: Release,
    starts: tuple[ServerStart, ...] = (),
) -> tuple[EngineArgs, Fit]:
    """The fit check's result, with the largest --max-num-seqs that fits if only the default is too many."""
    gpu = spec.as_gpu(engine_args.layout.world_size)
    found = fit(model, gpu, engine_args, release, starts)
    if found.reason == "max_num_seqs":
        seqs = with_most_seqs(found, starts).max_num_seqs_that_fits
        if seqs:
            engine_args = replace(engine_args, max_num_seqs=seqs)
            found = fit(model, gpu, engine_args, release, starts)
    return engine_args, found


def with_engine(
    model: Model, spec: GpuSpec, engine_args: EngineArgs, found: Fit, link: Link | None = None
) -> Placed:
    """The engine that starts with these flags. BadInputError and NotUnderstoodError as `served_model`."""
    engine = Engine(
        model=served_model(model, engine_args, found.engine.release, spec),
        gpu=serving_gpu(spec, link, engine_args.layout),
        layout=engine_args.layout,
        batched_tokens=found.engine.max_num_batched_tokens,
        drafted_tokens=_drafted(engine_args),
        draft_seconds=_draft_seconds(model, engine_args, spec),
        captured_tokens=found.engine.max_cudagraph_capture_size,
    )
    return Placed(model, engine_args, found, engine)


def _drafted(engine_args: EngineArgs) -> int:
    return int((engine_args.speculative_config or {}).get("num_speculative_tokens") or 0)


def _draft_seconds(model: Model, engine_args: EngineArgs, spec: GpuSpec) -> float:
    """Of one step: every draft token reads the drafter's weights once. 0 for n-grams, which the host finds."""
    if model.drafter is None or not spec.bandwidth_bytes_per_second:
        return 0.0
    read = model.drafter.bytes_on_last_rank(engine_args)
    return _drafted(engine_args) * read / spec.bandwidth_bytes_per_second


def every_layout(
    model: Model,
    spec: GpuSpec,
    gpus: int,
    release: Release,
    engine_args: EngineArgs,
    *,
    data_parallel_size: int = 1,
    starts: tuple[ServerStart, ...] = (),
    link: Link | None = None,
) -> tuple[list[Placed], list[str]]:
    """(what vLLM accepts or refuses for memory, why it refuses the other layouts)."""
    found: list[Placed] = []
    faults: list[str] = []
    for layout in layouts(gpus, data_parallel_size):
        try:
            asked = replace(engine_args, layout=layout)
            found.append(placed(model, spec, asked, release, starts=starts, link=link))
        except BadInputError as fault:
            faults.append(str(fault))
    return found, faults
