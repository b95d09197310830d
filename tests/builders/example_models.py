"""Small hand-made models whose sums can be checked in the head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import GIB
from vllm_costmeter.core.model.attention import FullAttention, ModelAttention
from vllm_costmeter.core.model.model import Model, Sizes
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.core.quantization.scheme import KernelTarget

ADA = GpuGroup("RTX 4090", round(23.64 * GIB), compute_capability=(8, 9))


@dataclass(frozen=True)
class FixedWeights:
    """Weights of a known size that divide evenly."""

    total_bytes: int
    parameters: int = 0
    fault: Exception | None = None
    resident: int = 0

    def on_gpu(self, gpu: KernelTarget) -> FixedWeights:
        """The same everywhere."""
        return self

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """An even share per rank, or the fault."""
        if self.fault is not None:
            raise self.fault
        ranks = engine_args.layout.pipeline_parallel_size
        return (self.total_bytes // engine_args.layout.tensor_parallel_size // ranks,) * ranks

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """Nothing is added."""
        return (0,) * engine_args.layout.pipeline_parallel_size

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """Nothing is kept."""
        return (0,) * engine_args.layout.pipeline_parallel_size

    def resident_bytes_per_pipeline_rank(self, engine_args: EngineArgs, dtype: str) -> tuple[int, ...]:
        """As given, on each rank."""
        return (self.resident,) * engine_args.layout.pipeline_parallel_size

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool:
        """A tower for images and videos."""
        limits = engine_args.limit_mm_per_prompt or {}
        return engine_args.language_model_only or limits.get("image") == limits.get("video") == 0


def llama(gib: float = 14.96, *, layers: int = 32, fault: Exception | None = None, **changes: Any) -> Model:
    """An 8B Llama: 128 KiB of KV cache per token with 32 layers, a vocabulary of 128,256, 131,072 tokens."""
    weights = FixedWeights(round(gib * GIB), fault=fault)
    attention = ModelAttention(
        layers=((FullAttention(num_kv_heads=8, head_size=128),),) * layers,
        num_attention_heads=32,
        dtype="bfloat16",
    )
    model = Model(
        id="org/llama",
        architecture="LlamaForCausalLM",
        dtype="bfloat16",
        quantization=None,
        max_model_len=131072,
        default_max_model_len=131072,
        sizes=Sizes(
            hidden_size=4096,
            vocab_size=128256,
            num_hidden_layers=layers,
            num_attention_heads=32,
            num_key_value_heads=8,
            head_size=128,
            intermediate_size=14336,
        ),
        attention=cast(Any, attention),
        weights=cast(Weights, weights),
    )
    return replace(model, **changes)


def not_understood() -> NotUnderstoodError:
    """A fault as a source raises it."""
    return NotUnderstoodError("the quantization 'nfx' is not known")


def bad_input() -> BadInputError:
    """A fault as a source raises it."""
    return BadInputError("3 ranks do not divide 32 layers")
