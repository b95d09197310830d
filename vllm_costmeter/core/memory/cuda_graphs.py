"""vLLM's estimate of CUDA-graph memory, which it subtracts from the budget."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import WITHOUT_FULL_GRAPHS, EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig, captured_sizes
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.engine.runner_choice import runner_of
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.memory.overheads import is_amd
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.release import Version

MIB_PER_GIB = 1024
ROCM_FIRST_GIB = (0.1, 3.0, 4.5)
"""A first capture on ROCm: 3.9 GiB captured, and as much estimated, on an MI300X with 0.29.1 (2026-09); 0.4 GiB
estimated on a Radeon AI PRO R9700 and 1.55 on a ROCm GPU of 80 GiB (2026-08)."""

_LEAST_SIZES = (1, 2, 4)
_WHOLE_BATCH: Version = (0, 21, 0)
"""From here on a batch of --max-num-batched-tokens is captured, if it is that small."""
_DRAFTED_STEPS: Version = (0, 29, 0)
"""From here on batches of decode steps with their drafts are."""
_WIDEST_STEP: Version = (0, 31, 0)
"""From here on the widest batch of decode steps without drafts is."""


def cuda_graphs(model: Model, engine: EngineConfig, engine_args: EngineArgs, gpu: GpuGroup) -> ByteRange:
    """The first capture, and every further graph (`GraphEstimate`); memory that capture uses differs by factors."""
    rules = engine_rules(engine.release)
    runner = runner_of(rules, model, engine_args, engine.release.number)
    asked = engine_args.cuda_graphs_in_budget
    if asked is False:
        return exactly(0, "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS subtracts nothing for CUDA graphs")
    if not (asked or rules.cuda_graphs_in_budget) or runner.graphs is None:
        return exactly(0, "this version subtracts nothing for CUDA graphs")
    is_rocm = is_amd(gpu)
    if is_rocm and not rules.graphs_on_rocm:
        return exactly(0, "this version estimates no CUDA graphs on ROCm")
    count = graph_count(model, engine, engine_args)
    if count == 0:
        return exactly(0, "no CUDA graphs are captured")
    first = ROCM_FIRST_GIB if is_rocm else runner.graphs.first_gib
    low, usual, high = (
        gib(start + each * count / MIB_PER_GIB)
        for start, each in zip(first, runner.graphs.each_mib, strict=True)
    )
    return ByteRange(usual, low, high, f"{count} CUDA graphs; estimates logged for 2 to 102 graphs")


def graph_count(model: Model, engine: EngineConfig, engine_args: EngineArgs) -> int:
    """Graphs that vLLM captures: every size piecewise, and whole for batches of decode steps alone; each twice with
    LoRA, with adapters and without (`cudagraph_specialize_lora`, on by default); encoder-decoders only whole decode
    steps (`VllmConfig.__post_init__`); 0.17 to 0.33."""
    if engine.max_cudagraph_capture_size == 0 or engine_args.cudagraph_mode == "NONE":
        return 0
    sizes = _captured_sizes(engine, engine_args) * (2 if engine_args.enable_lora else 1)
    mode = engine_args.cudagraph_mode or "FULL_AND_PIECEWISE"
    if model.is_encoder_decoder:
        mode = "FULL_DECODE_ONLY"
    piecewise = 0 if mode in ("FULL", "FULL_DECODE_ONLY") else len(sizes)
    if model.is_pooling or mode in WITHOUT_FULL_GRAPHS:
        return piecewise
    drafted = (engine_args.speculative_config or {}).get("num_speculative_tokens") or 0
    decoded = engine.max_num_seqs * (1 + drafted)
    return piecewise + (len(sizes) if mode == "FULL" else sum(size <= decoded for size in sizes))


def _captured_sizes(engine: EngineConfig, engine_args: EngineArgs) -> list[int]:
    """The sizes given, or vLLM's own (`_set_cudagraph_sizes`, 0.17 to 0.33)."""
    if engine_args.cudagraph_capture_sizes is not None:
        return captured_sizes(engine_args.cudagraph_capture_sizes, engine.max_num_batched_tokens)
    most, batched = engine.max_cudagraph_capture_size, engine.max_num_batched_tokens
    least = range(1, 33) if engine_args.performance_mode == "interactivity" else _LEAST_SIZES
    own = {*least, *_strides(most)}
    if engine.release.number >= _WHOLE_BATCH:
        own.add(batched)
    if engine_args.max_cudagraph_capture_size is None:
        own.update(_decode_steps(engine, engine_args))
    return sorted(size for size in own if size <= most)


def _decode_steps(engine: EngineConfig, engine_args: EngineArgs) -> tuple[int, ...]:
    """Tokens of batches of decode steps that are captured beside the usual sizes."""
    drafted = (engine_args.speculative_config or {}).get("num_speculative_tokens") or 0
    seqs, release = engine.max_num_seqs, engine.release.number
    if drafted and release >= _DRAFTED_STEPS:
        counts = (*_LEAST_SIZES, *_strides(seqs), seqs)
        return tuple(count * (1 + drafted) for count in counts if count <= seqs)
    return (seqs,) if not drafted and release >= _WIDEST_STEP else ()


def _strides(most: int) -> tuple[int, ...]:
    return (*range(8, 256, 8), *range(256, most + 1, 16))
