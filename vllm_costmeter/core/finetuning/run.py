"""The settings of a fine-tuning run that decide its memory."""

from __future__ import annotations

from typing import Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.finetuning.shape import Shape

Method = Literal["qlora", "lora", "full"]
Precision = Literal["bf16", "deepspeed", "fsdp"]

WEIGHT_BYTES = {
    "bf16": 2.0,
    "nf4": 0.5 + 4 / 64,
    "nf4-dq": 0.5 + 1 / 64 + 4 / (64 * 256),
    "int4": 0.5 + 4.5 / 128,
}
"""Bytes per weight. NF4 stores one FP32 maximum per 64 weights, double quantization one byte (QLoRA, arXiv 2305.14314,
section 3); GPTQ has groups of 128."""
OPTIMIZERS = {"adamw": 2.0, "adamw_8bit": 1.0, "paged_adamw_8bit": 0.0, "sgd": 0.0}
"""Bytes of both moments per byte of a trained 16-bit parameter; of FP32 ones 8-bit moments are not wider
(`memory.py`). Paged ones may leave the GPU (bitsandbytes)."""
LOGIT_BYTES = {
    "transformers": 14.0,  # autocast: BF16, FP32 copy, softmax and gradient
    "torchtune": 12.0,
    "torchtune compiled": 8.0,
    "torchtune chunked": 2.0,  # one chunk at a time is upcast; the 16-bit logits stay
    "litgpt 2023": 6.0,
    "litgpt": 18.0,  # as autocast, and the chunks are copied
}
"""Bytes per logit that are live at the same time, by framework and loss."""
HALF_LOGIT_BYTES = 8.0
"""All four in 16 bits: DeepSpeed without autocast."""


@dataclass(frozen=True, slots=True)
class Run:
    """One fine-tuning run. Batch and tokens are those of one GPU in one forward pass."""

    shape: Shape
    method: Method
    rank: int = 16
    targets: Literal["all", "q,v"] = "all"
    weights: str = "bf16"
    batch_size: int = 1
    sequence_length: int = 2048
    checkpointing: Literal["full", "full, offloaded", "selective", "none"] = "full"
    optimizer: str = "adamw"
    adapter_bytes: int = 4
    """Of one adapter parameter: PEFT keeps FP32 (`autocast_adapter_dtype`)."""
    framework: str = "transformers"
    """A key of `LOGIT_BYTES`."""
    precision: Precision = "bf16"
    """Of full fine-tuning: everything in BF16, or with FP32 copies as DeepSpeed and FSDP keep them."""
    in_half: bool = False
    """DeepSpeed without autocast: 16-bit logits, buckets for reduction."""
    accumulates: bool = False
    """Whether gradients of earlier passes are held during the forward pass."""
    in_backward: bool = False
    """Whether the optimizer steps during the backward pass, so that gradients are freed at once."""
    zero: int = 0
    tensor_parallel_size: int = 1
    """Only its exchange is known (`judge`); the memory counts whole layers."""
    gpus: int = 1
    counts: Literal["allocated", "reserved", "process"] = "process"
    """What the peak includes: tensors, the allocator's reserve, or the whole process."""

    @property
    def tokens(self) -> int:
        """Tokens of one pass on one GPU."""
        return self.batch_size * self.sequence_length

    @property
    def adapter_parameters(self) -> int:
        """Trained parameters of LoRA: rank x (inputs + outputs) of each target (arXiv 2106.09685)."""
        return self.shape.layers * self.rank * sum(sum(self.shape.matrices[name]) for name in self.targeted)

    @property
    def targeted(self) -> tuple[str, ...]:
        """The linear layers with adapters."""
        return ("q", "v") if self.targets == "q,v" else tuple(self.shape.matrices)

    @property
    def trained(self) -> int:
        """Parameters that the optimizer updates."""
        return self.shape.parameters if self.method == "full" else self.adapter_parameters

    @property
    def logit_bytes(self) -> float:
        """Bytes per logit live at the loss."""
        return HALF_LOGIT_BYTES if self.in_half else LOGIT_BYTES[self.framework]


def divided(run: Run, zero: int, gpus: int) -> Run:
    """The run on so many GPUs at this ZeRO stage. DeepSpeed keeps FP32 copies of what is trained in full."""
    in_half = run.method == "full" and zero > 0
    precision: Precision = "deepspeed" if in_half else "bf16"
    return replace(run, zero=zero, gpus=gpus, precision=precision, in_half=in_half)
