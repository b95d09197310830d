"""The activation peak of models made by their dimensions."""

from __future__ import annotations

from dataclasses import replace

from example_models import GIB, llama

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import resolve_engine
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.activations import activation_peak
from vllm_costmeter.core.memory.byte_range import ByteRange
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import release_of

H100 = GpuGroup("H100 SXM", round(79.19 * GIB))


def peak(
    model: Model,
    version: str = "0.19.0",
    last: bool = True,
    gpu: GpuGroup = H100,
    first: bool = True,
    **flags: object,
) -> ByteRange:
    """The peak on one rank, by its place in the pipeline."""
    engine_args = EngineArgs(**flags)  # type: ignore[arg-type]
    release = release_of(version)
    engine = resolve_engine(model, gpu, engine_args, release)
    rules = engine_rules(release)
    return activation_peak(model, engine, engine_args, rules, is_first_rank=first, is_last_rank=last)


def sized(hidden: int, vocab: int, inner: int = 0, **experts: int) -> Model:
    """A model of these dimensions."""
    model = llama()
    sizes = replace(model.sizes, hidden_size=hidden, vocab_size=vocab, intermediate_size=inner, **experts)
    return replace(model, sizes=sizes, is_moe=bool(experts))
