"""Peak activation memory in vLLM's profile run, per pipeline rank."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.engine.release_rules import EngineRules
from vllm_costmeter.core.engine.runner_choice import runner_of
from vllm_costmeter.core.engine.runners import Runner
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.memory.layer_peak import Workload, layer_peak, workload
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.rank import rank_of

FLOAT32_BYTES = 4
FIXED_GIB = (
    0.12  # cuBLAS workspaces and input buffers, including sampler rows where they are not counted separately
)
FIXED_BESIDE_ROWS_GIB = (
    0.05  # where they are: 29 of 34 starts of 0.19.0 on H100 leave a residual of 0.045 to 0.053
)

MARGIN_GIB = 0.25
MARGIN_BESIDE_ROWS_GIB = (
    0.15  # the rule is at most 0.06 GiB below what those 34 starts logged; none was a hybrid
)

_MXFP4 = frozenset({"mxfp4", "gpt_oss_mxfp4"})


def activation_peak(
    model: Model,
    engine: EngineConfig,
    engine_args: EngineArgs,
    rules: EngineRules,
    *,
    is_first_rank: bool,
    is_last_rank: bool,
) -> ByteRange:
    """Peak bytes: permanent buffers plus the larger of the layer peak and the sampler peak.

    Fitted to 36 starts of vLLM 0.19.0 on H100 (max_num_seqs 1024, 8192 tokens), where the terms can be
    separated: the sampler has `float_copies` float32 copies of the logits in addition to the logits
    themselves; a dense layer has gate, up and their product; a fused-MoE layer keeps its two workspaces.
    """
    work = workload(model, engine, is_last_rank=is_last_rank)
    runner = runner_of(rules, model, engine_args, engine.release.number)
    layer = layer_peak(model, engine, engine_args, work)
    sampler = _sampler_peak(model, engine_args, work, runner)
    workspace, workspace_low, workspace_high = _moe_workspace_bytes(model, engine, engine_args, work)
    image, (outputs, outputs_high) = exactly(0, "no image is profiled"), (0, 0)
    encodes = runner.encoding_ranks == "every" or (runner.encoding_ranks == "first" and is_first_rank)
    if model.is_multimodal and encodes:
        from vllm_costmeter.core.memory.image_peak import image_peak, multimodal_bytes

        outputs, outputs_high = multimodal_bytes(model, engine_args, work)
        image = image_peak(model, engine_args, work)
    state, drafted = _sampler_state_bytes(model, engine, work, runner), 0
    if engine_args.speculative_config is not None:
        from vllm_costmeter.core.memory.drafts import drafted_peak_bytes, drafting_state_bytes

        is_second = runner is rules.v2
        state += drafting_state_bytes(model, engine, engine_args, work, runner, is_second=is_second)
        drafted = drafted_peak_bytes(model, engine, engine_args, work, is_second=is_second)
    state += work.dtype_bytes * work.tokens * model.kept_values_per_token
    passed = _pipeline_buffers_bytes(model, work, is_received=runner.counts_received and not is_first_rank)
    held = state + workspace + outputs + passed
    rows = runner.kept_rows * FLOAT32_BYTES * model.sizes.vocab_size if work.has_sampler else 0
    fixed = FIXED_BESIDE_ROWS_GIB if rows else FIXED_GIB
    margin = MARGIN_BESIDE_ROWS_GIB if rows and not model.is_hybrid else MARGIN_GIB
    peak = max(max(sampler.bytes + rows, layer.bytes, drafted) + held, image.bytes + state) + gib(fixed)
    least = held - state - workspace + workspace_low
    low = max(sampler.low_bytes, layer.low_bytes) + state + round(0.5 * least) + gib(0.05)
    held += workspace_high - workspace
    high = max(sampler.high_bytes, layer.high_bytes, drafted) + round(1.1 * held) + outputs_high
    high = max(high, image.high_bytes + state)
    return ByteRange(
        peak,
        min(low, peak),
        max(high + gib(margin), peak),
        f"max(sampler, layer) + workspaces + {fixed} GiB; {rules.evidence}",
    )


def _sampler_peak(model: Model, engine_args: EngineArgs, work: Workload, runner: Runner) -> ByteRange:
    """The logits, their float32 copies and the hidden states; under speculative decoding the first runner also
    rejects draft tokens, with two rows of logits per sequence."""
    if not work.has_sampler:
        return exactly(0, "no sampler")
    logits = work.logits_rows * model.sizes.vocab_size
    hidden = work.dtype_bytes * work.tokens * model.sizes.hidden_size
    is_drafted = engine_args.speculative_config is not None
    low, usual, high = (
        round(((copies + is_drafted * more) * FLOAT32_BYTES + work.dtype_bytes) * logits) + hidden
        for copies, more in zip(runner.float_copies, runner.rejection_copies, strict=True)
    )
    return ByteRange(usual, low, high, "the sampler")


def _sampler_state_bytes(model: Model, engine: EngineConfig, work: Workload, runner: Runner) -> int:
    if not work.has_sampler:
        return 0
    return round(runner.state_bytes_per_logit * engine.max_num_seqs * model.sizes.vocab_size)


CHUNKED_BEFORE, CHUNK_TOKENS = (0, 18, 0), 16 * 1024
"""The fused-MoE kernel took at most so many tokens at once (VLLM_FUSED_MOE_CHUNK_SIZE of 0.17)."""
GATHERS = ("allgather_reducescatter", "naive")


def _moe_workspace_bytes(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, work: Workload
) -> tuple[int, int, int]:
    """(usual, least, most) of the two workspaces of the fused-MoE kernel (TritonExperts.workspace_shapes), kept after
    the run.

    With data parallelism every rank's experts see the tokens of all copies, which are gathered before and scattered
    after them (device_communicators/all2all.py and fused_moe/all2all_utils.py, 0.17 to 0.33): always without
    expert parallelism, and under --all2all-backend allgather_reducescatter with it. Other backends bound what they
    hand over in their own ways: at least one copy's tokens, at most those of all. No such start was recorded.

    Computed against the residual measured at start: Qwen3-30B-A3B 0.50 against 0.50 GiB, DeepSeek-V2-Lite
    0.45 against 0.41, Mixtral 0.66 against 0.60. The MXFP4 kernels use none (gpt-oss-20b: 0.02 GiB).
    """
    sizes = model.sizes
    if not sizes.num_experts_per_token or engine.quantization in _MXFP4:
        return 0, 0, 0
    layout, copies = engine.layout, engine.layout.data_parallel_size
    ranks = rank_of(engine_args, engine.dtype, engine.release).expert_tensor_parallel_size
    inner = (sizes.moe_intermediate_size or sizes.intermediate_size) // ranks
    width = max(inner, sizes.hidden_size) + max(2 * inner, sizes.hidden_size)
    row = work.dtype_bytes * sizes.num_experts_per_token * width
    one = row * work.tokens
    if copies == 1:
        return one, one, one
    gathered = work.tokens * copies
    chunk = CHUNK_TOKENS if engine.release.number < CHUNKED_BEFORE else gathered
    every = row * min(gathered, chunk) + 2 * work.dtype_bytes * gathered * sizes.hidden_size
    gathers = not layout.enable_expert_parallel or engine_args.all2all_backend in GATHERS
    return every if gathers else one, one, max(one, every)


def _pipeline_buffers_bytes(model: Model, work: Workload, *, is_received: bool) -> int:
    """Hidden state and residual sent to the next pipeline rank (the last one sends nothing), and those of the rank
    before, which vLLM keeps (`make_empty_intermediate_tensors` of both runners)."""
    return (
        (is_received + (not work.is_last_rank)) * 2 * work.dtype_bytes * work.tokens * model.sizes.hidden_size
    )
