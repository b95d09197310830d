"""Weights whose total is known exactly, from the headers of a checkpoint, and whose division follows the model."""

from __future__ import annotations

from typing import Protocol

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.checkpoint import Format
from vllm_costmeter.core.quantization.scheme import KernelTarget

BUFFERS_SHARE = 0.03
BUFFERS_BYTES = 64 << 20
"""What vLLM may allocate beside the checkpoint's own tensors (rotary tables, vocabulary padding, attention scales)
before the checkpoint and its config.json count as two different models: under 1 % in published models, more in tiny
ones, where the bytes decide."""


class ModelWeights(Protocol):
    """Bytes of a model's weights on each pipeline rank."""

    @property
    def parameters(self) -> int | None: ...

    def on_gpu(self, gpu: KernelTarget) -> ModelWeights: ...

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]: ...

    def converted_bytes_per_pipeline_rank(
        self, engine_args: EngineArgs, own_dtype: str
    ) -> tuple[int, ...]: ...

    def allocator_slack_per_pipeline_rank(
        self, engine_args: EngineArgs, own_dtype: str
    ) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class CheckpointWeights:
    """`loaded_bytes` of a checkpoint, divided over ranks as `described` (from config.json) divides itself."""

    described: ModelWeights
    described_bytes: int
    """The whole model by config.json on one GPU, in the dtype of `--dtype auto`."""
    loaded_bytes: int
    """What vLLM keeps of the checkpoint's tensors, as `described_bytes` counts."""
    format: Format = "safetensors"

    @property
    def parameters(self) -> int | None:
        return self.described.parameters

    def on_gpu(self, gpu: KernelTarget) -> CheckpointWeights:
        described = self.described.on_gpu(gpu)
        return self if described is self.described else replace(self, described=described)

    @property
    def is_as_described(self) -> bool:
        """Whether files and config.json are one model: the files hold all it describes but what vLLM makes itself."""
        missing = abs(self.described_bytes - self.loaded_bytes)
        return missing <= max(BUFFERS_BYTES, round(self.described_bytes * BUFFERS_SHARE))

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """The exact total on one GPU; on several each rank's share of it by the model's own division."""
        ranks = self.described.bytes_per_pipeline_rank(self._unpacked(engine_args), own_dtype)
        return tuple(self.loaded_bytes * share // self.described_bytes for share in ranks)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """What conversion adds, and what vLLM allocates that no file holds."""
        engine_args = self._unpacked(engine_args)
        converted = self.described.converted_bytes_per_pipeline_rank(engine_args, own_dtype)
        if not self.is_as_described:
            return converted
        described = self.described.bytes_per_pipeline_rank(engine_args, own_dtype)
        held = self.bytes_per_pipeline_rank(engine_args, own_dtype)
        return tuple(
            added + max(whole - own, 0) for added, whole, own in zip(converted, described, held, strict=True)
        )

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return self.described.allocator_slack_per_pipeline_rank(self._unpacked(engine_args), own_dtype)

    def _unpacked(self, engine_args: EngineArgs) -> EngineArgs:
        """GGUF blocks divide as the values in them would."""
        return (
            replace(engine_args, quantization=None)
            if self.format == engine_args.quantization
            else engine_args
        )


@dataclass(frozen=True, slots=True)
class UndividedWeights:
    """Weights of a model that is not understood: exact on one GPU where there is a checkpoint, else not known."""

    loaded_bytes: int | None = None
    format: Format = "safetensors"

    @property
    def parameters(self) -> int | None:
        return None

    def on_gpu(self, gpu: KernelTarget) -> UndividedWeights:
        return self

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """NotUnderstoodError on several GPUs, for a change of dtype or quantization, and without a checkpoint."""
        alone = replace(engine_args.layout, data_parallel_size=1) == ParallelConfig()
        as_stored = engine_args.dtype == "auto" and engine_args.quantization in (None, self.format)
        if self.loaded_bytes is None or not alone or not as_stored:
            raise NotUnderstoodError("how these weights are held is not known")
        return (self.loaded_bytes,)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return (0,) * engine_args.layout.pipeline_parallel_size

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return (0,) * engine_args.layout.pipeline_parallel_size
