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
    workspace = _moe_workspace_bytes(model, engine, work)
    image, (outputs, outputs_high) = exactly(0, "no image is profiled"), (0, 0)
    encodes = runner.encoding_ranks == "every" or (runner.encoding_ranks == "first" and is_first_rank)
    if model.is_multimodal and encodes:
        from vllm_costmeter.core.memory.image_peak import image_peak, multimodal_bytes

        outputs, outputs_high = multimodal_bytes(model, engine_args, work)
        image = image_peak(model, engine_args, work)
    state = _sampler_state_bytes(model, engine, work, runner)
    state += work.dtype_bytes * work.tokens * model.kept_values_per_token
    held = state + workspace + outputs + _pipeline_buffers_bytes(model, work)
    rows = runner.kept_rows * FLOAT32_BYTES * model.sizes.vocab_size if work.has_sampler else 0
    fixed = FIXED_BESIDE_ROWS_GIB if rows else FIXED_GIB
    margin = MARGIN_BESIDE_ROWS_GIB if rows and not model.is_hybrid else MARGIN_GIB
    peak = max(max(sampler.bytes + rows, layer.bytes) + held, image.bytes + state) + gib(fixed)
    low = max(sampler.low_bytes, layer.low_bytes) + state + round(0.5 * (held - state)) + gib(0.05)
    high = max(sampler.high_bytes, layer.high_bytes) + round(1.1 * held) + outputs_high
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


def _moe_workspace_bytes(model: Model, engine: EngineConfig, work: Workload) -> int:
    """The two workspaces of the fused-MoE kernel (TritonExperts.workspace_shapes), kept after the run.

    Computed against the residual measured at start: Qwen3-30B-A3B 0.50 against 0.50 GiB, DeepSeek-V2-Lite
    0.45 against 0.41, Mixtral 0.66 against 0.60. The MXFP4 kernels use none (gpt-oss-20b: 0.02 GiB).
    """
    sizes = model.sizes
    if not sizes.num_experts_per_token or engine.quantization in _MXFP4:
        return 0
    ranks = 1 if engine.layout.enable_expert_parallel else work.tensor_parallel_size
    inner = (sizes.moe_intermediate_size or sizes.intermediate_size) // ranks
    width = max(inner, sizes.hidden_size) + max(2 * inner, sizes.hidden_size)
    return work.dtype_bytes * work.tokens * sizes.num_experts_per_token * width


def _pipeline_buffers_bytes(model: Model, work: Workload) -> int:
    """Hidden state and residual sent to the next pipeline rank; the last rank, or the only one, sends nothing."""
    if work.is_last_rank:
        return 0
    return 2 * work.dtype_bytes * work.tokens * model.sizes.hidden_size
