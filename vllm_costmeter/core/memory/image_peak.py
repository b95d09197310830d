"""Peak bytes of vision towers in vLLM's profile run, and what their outputs keep during the decoder's."""

from __future__ import annotations

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.memory.byte_range import ByteRange, exactly, gib
from vllm_costmeter.core.memory.layer_peak import Workload
from vllm_costmeter.core.model.model import Model

FIXED_IMAGES = frozenset(
    {
        "Gemma3ForConditionalGeneration",
        "Llama4ForConditionalGeneration",
        "LlavaForConditionalGeneration",
    }
)
"""Architectures with a fixed image size: their tower's peak does not depend on the processor's limits."""

LARGEST_IMAGE_PATCHES, MERGED_PATCHES = 65_536, 4


def image_peak(model: Model, engine_args: EngineArgs, work: Workload) -> ByteRange:
    """The vision tower's peak, before the decoder's: vLLM first encodes one image of the largest size.

    Qwen's processors allow 65,536 patches (16,777,216 pixels in patches of 16, 12,845,056 in patches of 14),
    regardless of batch and context. The terms were read from vLLM's tower on meta tensors: residual and
    norms, attention and MLP split by tensor parallelism, the merged outputs, and the pixels at 2 to 6 bytes.
    Qwen3.6-27B at TP 2 logged 1.59 GiB (0.25.1); this gives 1.68, at most 1.87. The lower bound is 0, because a
    processor may be limited to smaller images (`--mm-processor-kwargs`, preprocessor_config.json).
    """
    tower = model.sizes.image_tower
    if tower is None or model.weights.leaves_towers_out(engine_args):
        return exactly(0, "no image is profiled")
    merged = tower.mergers * tower.output_width / MERGED_PATCHES
    shares = 5.2 + 6 / work.tensor_parallel_size
    encoded = round(LARGEST_IMAGE_PATCHES * work.dtype_bytes * (tower.width * shares + merged))
    values = LARGEST_IMAGE_PATCHES * 3 * 2 * tower.patch_size**2
    return ByteRange(encoded + 4 * values, 0, encoded + 6 * values, "one image of the largest size")


def multimodal_bytes(model: Model, engine_args: EngineArgs, work: Workload) -> tuple[int, int]:
    """(usual bytes, further bytes at most): encoder outputs and pixel inputs kept throughout the profile run.

    On 0.19.0, Gemma-3-27b used 0.24 GiB and Llama-4-Scout 0.13 GiB more than the text part; towers that
    accept very large images peak higher (Qwen2.5-VL-7B on 0.22.0: about 1.7 GiB more).
    """
    if not model.is_multimodal or model.weights.leaves_towers_out(engine_args):
        return 0, 0
    tower = model.sizes.image_tower
    if tower is not None:
        return LARGEST_IMAGE_PATCHES // MERGED_PATCHES * tower.output_width * work.dtype_bytes, gib(0.25)
    return work.dtype_bytes * work.tokens * model.sizes.hidden_size + gib(0.15), gib(
        0.25 if model.architecture in FIXED_IMAGES else 2.0
    )
