"""Peak activation memory in vLLM's profile run, per pipeline rank."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig
from vllm_costmeter.core.engine.release_rules import EngineRules, Runner
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.model.rank import DTYPE_BYTES

FLOAT32_BYTES = 4
FIXED_GIB = (
    0.12  # cuBLAS workspaces and input buffers, including sampler rows where they are not counted separately
)
FIXED_BESIDE_ROWS_GIB = (
    0.05  # where they are: 29 of 34 starts of 0.19.0 on H100 leave a residual of 0.045 to 0.053
)

LAYER_RANGE = (0.8, 1.4)  # pipeline ranks without a sampler logged 1.10 and 1.05 GiB; the rule gives 1.03

HYBRID_BYTES = (
    40  # upper bound per token and hidden value: recurrent layers keep float32 copies (Qwen3.6-27B, 0.27.1)
)

FIXED_IMAGES = frozenset(
    {
        "Gemma3ForConditionalGeneration",
        "Llama4ForConditionalGeneration",
        "LlavaForConditionalGeneration",
    }
)
"""Architectures with a fixed image size: their tower's peak does not depend on the processor's limits."""

_MXFP4 = frozenset({"mxfp4", "gpt_oss_mxfp4"})


LARGEST_IMAGE_PATCHES, MERGED_PATCHES = 65_536, 4


@dataclass(frozen=True, slots=True)
class Workload:
    """What one rank computes in the profile run."""

    tokens: int
    logits_rows: int
    dtype_bytes: int
    tensor_parallel_size: int
    has_sampler: bool
    is_last_rank: bool


def activation_peak(
    model: Model, engine: EngineConfig, engine_args: EngineArgs, rules: EngineRules, *, is_last_rank: bool
) -> ByteRange:
    """Peak bytes: permanent buffers plus the larger of the layer peak and the sampler peak.

    Fitted to 36 starts of vLLM 0.19.0 on H100 (max_num_seqs 1024, 8192 tokens), where the terms can be
    separated: the sampler has `float_copies` float32 copies of the logits in addition to the logits
    themselves; a dense layer has gate, up and their product; a fused-MoE layer keeps its two workspaces.
    """
    work = Workload(
        tokens=engine.max_num_batched_tokens,
        logits_rows=min(engine.max_num_seqs, engine.max_num_batched_tokens),
        dtype_bytes=DTYPE_BYTES.get(engine.dtype, 2),
        tensor_parallel_size=engine.layout.tensor_parallel_size,
        has_sampler=is_last_rank and not model.is_pooling,
        is_last_rank=is_last_rank,
    )
    runner = rules.runner(is_dense=not (model.is_moe or model.is_hybrid))
    layer = _layer_bytes(model, work)
    sampler_low, sampler, sampler_high = (
        _sampler_bytes(model, work, copies) for copies in runner.float_copies
    )
    workspace = _moe_workspace_bytes(model, engine, work)
    multimodal, multimodal_high = _multimodal_bytes(model, engine_args, work)
    image = _image_bytes(model, engine_args, work)
    state = _sampler_state_bytes(model, engine, work, runner)
    held = state + workspace + multimodal + _pipeline_buffers_bytes(model, engine, work)
    rows = runner.kept_rows * FLOAT32_BYTES * model.sizes.vocab_size if work.has_sampler else 0
    fixed = FIXED_BESIDE_ROWS_GIB if rows else FIXED_GIB
    peak = max(max(sampler + rows, layer) + held, image.bytes + state) + gib(fixed)
    low = max(sampler_low, round(LAYER_RANGE[0] * layer)) + state + round(0.5 * (held - state))
    low = max(low, image.low_bytes + state) + gib(0.05)
    high = max(sampler_high, round(LAYER_RANGE[1] * layer)) + round(1.1 * held) + multimodal_high
    if model.is_hybrid:
        high += HYBRID_BYTES * work.tokens * model.sizes.hidden_size
    high = max(high, image.high_bytes + state)
    return ByteRange(
        peak,
        min(low, peak),
        max(high + gib(0.25), peak),
        f"max(sampler, layer) + workspaces + {fixed} GiB; {rules.evidence}",
    )


def _sampler_bytes(model: Model, work: Workload, float_copies: float) -> int:
    if not work.has_sampler:
        return 0
    per_logit = float_copies * FLOAT32_BYTES + work.dtype_bytes
    hidden = work.dtype_bytes * work.tokens * model.sizes.hidden_size
    return round(per_logit * work.logits_rows * model.sizes.vocab_size) + hidden


def _sampler_state_bytes(model: Model, engine: EngineConfig, work: Workload, runner: Runner) -> int:
    if not work.has_sampler:
        return 0
    return round(runner.state_bytes_per_logit * engine.max_num_seqs * model.sizes.vocab_size)


def _layer_bytes(model: Model, work: Workload) -> int:
    """Residual and input, plus the widest part of a layer: gate, up and product, or q, k, v and output."""
    sizes = model.sizes
    ranks = work.tensor_parallel_size
    feed_forward = 3 * sizes.intermediate_size // ranks
    heads = 2 * (sizes.num_attention_heads + sizes.num_key_value_heads) * sizes.head_size // ranks
    return work.dtype_bytes * work.tokens * (2 * sizes.hidden_size + max(feed_forward, heads))


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


def _pipeline_buffers_bytes(model: Model, engine: EngineConfig, work: Workload) -> int:
    """Hidden state and residual sent to the next pipeline rank; the last rank sends nothing."""
    if engine.layout.pipeline_parallel_size == 1 or work.is_last_rank:
        return 0
    return 2 * work.dtype_bytes * work.tokens * model.sizes.hidden_size


def _image_bytes(model: Model, engine_args: EngineArgs, work: Workload) -> ByteRange:
    """The vision tower's peak, before the decoder's: vLLM first encodes one image of the largest size.

    Qwen's processors allow 65,536 patches (16,777,216 pixels in patches of 16, 12,845,056 in patches of 14),
    regardless of batch and context. The terms were read from vLLM's tower on meta tensors: residual and
    norms, attention and MLP split by tensor parallelism, the merged outputs, and the pixels at 2 to 6 bytes.
    Qwen3.6-27B at TP 2 logged 1.59 GiB (0.25.1); this gives 1.46 to 1.84. The lower bound is 0, because a
    processor may be limited to smaller images (`--mm-processor-kwargs`, preprocessor_config.json).
    """
    tower = model.sizes.image_tower
    is_behind_a_pipeline = work.is_last_rank and engine_args.layout.pipeline_parallel_size > 1
    if tower is None or is_behind_a_pipeline or _leaves_images_out(engine_args):
        return exactly(0, "no image is profiled")  # only the first pipeline rank encodes
    merged = tower.mergers * tower.output_width / MERGED_PATCHES
    shares = 5.2 + 6 / work.tensor_parallel_size
    encoded = round(LARGEST_IMAGE_PATCHES * work.dtype_bytes * (tower.width * shares + merged))
    values = LARGEST_IMAGE_PATCHES * 3 * 2 * tower.patch_size**2
    return ByteRange(encoded + 4 * values, 0, encoded + 6 * values, "one image of the largest size")


def _leaves_images_out(engine_args: EngineArgs) -> bool:
    limits = engine_args.limit_mm_per_prompt
    return engine_args.language_model_only or (limits is not None and not any(limits.values()))


def _multimodal_bytes(model: Model, engine_args: EngineArgs, work: Workload) -> tuple[int, int]:
    """(usual bytes, further bytes at most): encoder outputs and pixel inputs kept throughout the profile run.

    On 0.19.0, Gemma-3-27b used 0.24 GiB and Llama-4-Scout 0.13 GiB more than the text part; towers that
    accept very large images peak higher (Qwen2.5-VL-7B on 0.22.0: about 1.7 GiB more).
    """
    if not model.is_multimodal or _leaves_images_out(engine_args):
        return 0, 0
    tower = model.sizes.image_tower
    if tower is not None:
        return LARGEST_IMAGE_PATCHES // MERGED_PATCHES * tower.output_width * work.dtype_bytes, gib(0.25)
    return work.dtype_bytes * work.tokens * model.sizes.hidden_size + gib(0.15), gib(
        0.25 if model.architecture in FIXED_IMAGES else 2.0
    )
