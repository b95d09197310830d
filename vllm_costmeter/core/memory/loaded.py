"""GPU memory in use after a model is loaded, independent of the context length."""

from __future__ import annotations

import math

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import has_stated_pool
from vllm_costmeter.core.engine.release_rules import engine_rules
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB, ByteRange, exactly
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.core.quantization.scheme import KernelTarget
from vllm_costmeter.core.release import Release

WEIGHTS_RULES = {
    "config": "every tensor vLLM loads, from config.json",
    "safetensors": "every tensor of the checkpoint, from its safetensors headers",
    "gguf": "every tensor of the checkpoint, from its GGUF header",
    "vllm": "every parameter and buffer of the installed vLLM's own model",
}


@dataclass(frozen=True, slots=True)
class LoadedRank:
    """Bytes on one pipeline rank after the model is loaded, independent of the context length."""

    tensor_bytes: int
    converted_bytes: int
    """Layouts of the kernels, in addition to the tensors."""
    slack_bytes: int
    """What the allocator keeps beside each tensor."""
    lora: ByteRange
    """Slots for adapters."""
    resident_bytes: int = 0
    """The least of `tensor_bytes` that stays on the GPU under --cpu-offload-gb; 0 where nothing is offloaded."""

    def bytes_left(self, offloaded: int) -> int:
        """Tensors on the GPU if this many bytes may be kept in host memory."""
        return max(self.tensor_bytes - offloaded, min(self.resident_bytes, self.tensor_bytes))

    @property
    def beside(self) -> ByteRange:
        """Converted layouts and allocator rounding; `expandable_segments` of PYTORCH_CUDA_ALLOC_CONF rounds nothing."""
        usual = self.converted_bytes + self.slack_bytes
        rule = "converted layouts and what the allocator keeps beside each tensor"
        return ByteRange(usual, self.converted_bytes, usual, rule)


def loaded_ranks(model: Model, engine_args: EngineArgs) -> tuple[LoadedRank, ...]:
    """One entry per pipeline rank, with the drafter on the last. Raises what `Model.weights_bytes` raises."""
    parts = (
        model.weights_bytes(engine_args),
        model.converted_bytes(engine_args),
        model.allocator_slack_bytes(engine_args),
    )
    slots = _lora_slots(model, engine_args)
    resident = (0,) * len(slots) if not engine_args.cpu_offload_gb else model.resident_bytes(engine_args)
    ranks = [
        LoadedRank(tensors, converted, slack, lora, stay)
        for tensors, converted, slack, lora, stay in zip(*parts, slots, resident, strict=True)
    ]
    drafter = model.drafter
    if drafter is not None:
        tensors, converted = (
            -drafter.shared_bytes_on_last_rank(engine_args),
            0,
        )  # vLLM's own count includes tables that it deletes later
        if not model.is_counted(engine_args):
            tensors = drafter.bytes_on_last_rank(engine_args)
            converted = drafter.converted_bytes_on_last_rank(engine_args)
        last = ranks[-1]
        ranks[-1] = replace(
            last,
            tensor_bytes=last.tensor_bytes + tensors,
            converted_bytes=last.converted_bytes + converted,
            slack_bytes=last.slack_bytes + drafter.allocator_slack_on_last_rank(engine_args),
            resident_bytes=last.resident_bytes + max(tensors, 0) * bool(engine_args.cpu_offload_gb),
        )
    return tuple(ranks)


def _lora_slots(model: Model, engine_args: EngineArgs) -> tuple[ByteRange, ...]:
    if not engine_args.enable_lora:
        return (exactly(0, "no LoRA slots"),) * engine_args.layout.pipeline_parallel_size
    from vllm_costmeter.core.memory.lora import lora_slots

    return lora_slots(model, engine_args)


def surely_too_heavy(model: Model, gpu: GpuGroup, engine_args: EngineArgs, release: Release) -> bool:
    """Whether even the lower bound of the weights exceeds one GPU's budget, whatever the context length.

    Much cheaper than `fit`. Raises what `loaded_ranks` raises.
    """
    model = model.on_gpu(KernelTarget(gpu.compute_capability, release))
    limit = gpu.memory_bytes
    if not has_stated_pool(engine_args):
        default = engine_rules(release).gpu_memory_utilization
        limit = math.ceil(gpu.memory_bytes * (engine_args.gpu_memory_utilization or default))
    offloaded = offloaded_bytes(engine_args)
    most = max(model.weights_bytes(engine_args)) - offloaded
    if offloaded:
        most = max(most, *model.resident_bytes(engine_args))
    return weights_range(most, model).low_bytes >= limit


def offloaded_bytes(engine_args: EngineArgs) -> int:
    """Bytes per GPU that may be kept in host memory: vLLM counts --cpu-offload-gb in GiB (0.17 to 0.33)."""
    return round(engine_args.cpu_offload_gb * GIB)


def weights_range(bytes_: int, model: Model) -> ByteRange:
    """`bytes_` of weights, with the error of their source (`model.weights_error`)."""
    slack = round(bytes_ * model.weights_error)
    low, rule = max(bytes_ - slack, 0), WEIGHTS_RULES[model.weights_source]
    if model.only_named is not None:
        low, rule = int(bytes_ * model.only_named.least_share), f"{rule}; {model.only_named.provenance}"
    high = round(bytes_ * model.weights_most_share) + slack
    return ByteRange(bytes_, low, high, rule)
