"""Weights with an exact total, from a checkpoint's headers, split over ranks as config.json implies."""

from __future__ import annotations

from typing import Protocol

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs, ParallelConfig
from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.core.model.checkpoint import Format
from vllm_costmeter.core.quantization.scheme import KernelTarget

BUFFERS_SHARE = 0.03
BUFFERS_BYTES = 64 << 20
"""Limits on what vLLM may allocate in addition to the checkpoint's tensors (rotary tables, vocabulary
padding, attention scales); beyond both, the checkpoint and its config.json count as different models.
Published models need under 1 %, tiny ones more, so there is a limit in bytes too."""


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

    def resident_bytes_per_pipeline_rank(
        self, engine_args: EngineArgs, own_dtype: str
    ) -> tuple[int, ...]: ...

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool: ...


@dataclass(frozen=True, slots=True)
class CheckpointWeights:
    """`loaded_bytes` of a checkpoint, split over ranks in proportion to `described` (from config.json)."""

    described: ModelWeights
    described_bytes: int
    """The whole model according to config.json, on one GPU, in the dtype of `--dtype auto`."""
    loaded_bytes: int
    """Bytes of the checkpoint's tensors that vLLM loads, comparable with `described_bytes`."""
    format: Format = "safetensors"

    @property
    def parameters(self) -> int | None:
        return self.described.parameters

    def on_gpu(self, gpu: KernelTarget) -> CheckpointWeights:
        described = self.described.on_gpu(gpu)
        return self if described is self.described else replace(self, described=described)

    @property
    def is_as_described(self) -> bool:
        """Whether files and config.json describe one model, apart from tensors that vLLM creates itself."""
        missing = abs(self.described_bytes - self.loaded_bytes)
        return missing <= max(BUFFERS_BYTES, round(self.described_bytes * BUFFERS_SHARE))

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """The exact total on one GPU; on several, each rank's share of it as in `described`."""
        ranks = self.described.bytes_per_pipeline_rank(self._unpacked(engine_args), own_dtype)
        return tuple(self.loaded_bytes * share // self.described_bytes for share in ranks)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Bytes added by conversion, and bytes that vLLM allocates without a counterpart in the files."""
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

    def resident_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        ranks = self.described.resident_bytes_per_pipeline_rank(self._unpacked(engine_args), own_dtype)
        return tuple(self.loaded_bytes * share // self.described_bytes for share in ranks)

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool:
        return self.described.leaves_towers_out(engine_args)

    def _unpacked(self, engine_args: EngineArgs) -> EngineArgs:
        """`engine_args` without GGUF: its blocks are split like the values in them."""
        return (
            replace(engine_args, quantization=None)
            if self.format == engine_args.quantization
            else engine_args
        )


@dataclass(frozen=True, slots=True)
class UndividedWeights:
    """Weights of a model that is not understood: exact on one GPU if there is a checkpoint, else unknown."""

    loaded_bytes: int | None = None
    format: Format = "safetensors"

    @property
    def parameters(self) -> int | None:
        return None

    def on_gpu(self, gpu: KernelTarget) -> UndividedWeights:
        return self

    def bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """NotUnderstoodError for several GPUs, another dtype or quantization, and without a checkpoint."""
        alone = replace(engine_args.layout, data_parallel_size=1) == ParallelConfig()
        as_stored = engine_args.dtype == "auto" and engine_args.quantization in (None, self.format)
        if self.loaded_bytes is None or not alone or not as_stored:
            raise NotUnderstoodError("the layout of these weights under these flags is not modelled")
        return (self.loaded_bytes,)

    def converted_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return (0,) * engine_args.layout.pipeline_parallel_size

    def allocator_slack_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        return (0,) * engine_args.layout.pipeline_parallel_size

    def resident_bytes_per_pipeline_rank(self, engine_args: EngineArgs, own_dtype: str) -> tuple[int, ...]:
        """Nothing for certain: what is outside the layers is not known."""
        return (0,) * engine_args.layout.pipeline_parallel_size

    def leaves_towers_out(self, engine_args: EngineArgs) -> bool:
        limits = engine_args.limit_mm_per_prompt or {}
        return engine_args.language_model_only or all(
            limits.get(kind) == 0 for kind in ("image", "video", "audio")
        )
