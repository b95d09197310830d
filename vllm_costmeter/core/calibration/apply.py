"""Corrects a check with recorded server starts, without changing the verdict of other deployments.

Same flags: the KV cache is as recorded. A single start may be an outlier (another process used memory at the
time), so until a second start agrees it can only improve a verdict. Other flags with the same key: the usual
value moves by the error of the latest start, within the range of the rules; range and verdict stay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from vllm_costmeter.core.calibration.server_start import ServerStart, ServerStartKey
from vllm_costmeter.core.dataclass import asdict, dataclass
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.engine.config import EngineConfig, has_stated_pool
from vllm_costmeter.core.engine.flags import PREFILL_BACKENDS
from vllm_costmeter.core.engine.runner_flags import first_runner_flag
from vllm_costmeter.core.gpu.group import GpuGroup
from vllm_costmeter.core.memory.byte_range import gib
from vllm_costmeter.core.model.model import Model

End = Literal["low", "usual", "high"]

SPREAD_BYTES = gib(0.25)
"""Variation between starts of one deployment: in the logs, memory differs by tenths of a GiB."""
AGREEING_BOOTS = 2

_RESOLVED = ("quantization", "dtype")
"""Flags for which the resolved value counts: if not given, vLLM uses the model's."""

_NEWER = {**dict.fromkeys(PREFILL_BACKENDS), "performance_mode": "balanced"}
"""Defaults of flags that older records lack: with these they are left out."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Memory outside the KV cache, as measured in recorded starts for one deployment."""

    used_bytes: tuple[int, ...]
    """Bytes used in starts with the same flags, latest last."""
    shift_bytes: int
    """Bytes used minus bytes predicted, in the latest start with the same key."""
    on: str
    """Date of the latest start."""

    @property
    def is_same(self) -> bool:
        return bool(self.used_bytes)

    def available(self, end: End, budget: int, ruled: Mapping[End, int]) -> int:
        """Bytes left for the KV cache; `ruled` has the values without calibration."""
        if not self.is_same:
            usual = min(max(ruled["usual"] - self.shift_bytes, ruled["low"]), ruled["high"])
            return usual if end == "usual" else ruled[end]
        if end == "low":
            return budget - max(self.used_bytes) - SPREAD_BYTES
        if end == "usual":
            return budget - self.used_bytes[-1]
        high = budget - min(self.used_bytes) + SPREAD_BYTES
        return high if len(self.used_bytes) >= AGREEING_BOOTS else max(high, ruled["high"])


def measured_of(
    starts: Sequence[ServerStart],
    model: Model,
    gpu: GpuGroup,
    engine: EngineConfig,
    engine_args: EngineArgs,
) -> Measured | None:
    """The measurements in `starts` (oldest first) for this deployment; None if no start has its key."""
    if not starts or has_stated_pool(engine_args) or engine_args.layout.pipeline_parallel_size > 1:
        return None
    key = boot_key(model, gpu, engine)
    boots = [boot for boot in starts if boot.key == key]
    if not boots:
        return None
    flags = flags_of(model, engine, engine_args)
    same = tuple(boot.used_bytes for boot in boots if boot.flags == flags)
    latest = boots[-1]
    return Measured(same, latest.used_bytes - latest.predicted_used_bytes, latest.on)


def boot_key(model: Model, gpu: GpuGroup, engine: EngineConfig) -> ServerStartKey:
    return ServerStartKey(
        engine.release.key, gpu.name, model.architecture, engine.layout.tensor_parallel_size
    )


def flags_of(model: Model, engine: EngineConfig, engine_args: EngineArgs) -> str:
    """A key that is equal for deployments with the same memory outside the KV cache."""
    given = engine_args.affecting("weights", "kv_layout", "graphs", "adapters", "offload")
    own = {
        name: value
        for name, value in given.items()
        if name not in _RESOLVED and not (name in _NEWER and value == _NEWER[name])
    }
    own["disable_hybrid_kv_cache_manager"] = bool(engine_args.disable_hybrid_kv_cache_manager)
    if engine_args.cuda_graphs_in_budget is not None:
        own["cuda_graphs_in_budget"] = engine_args.cuda_graphs_in_budget
    if engine_args.second_runner is not None:
        own["second_runner"] = engine_args.second_runner
    first_runner = first_runner_flag(engine_args.first_runner_flags, engine.release.number)
    if first_runner is not None:
        own["first_runner_flag"] = first_runner
    resolved = {
        **asdict(engine.layout),
        "max_num_seqs": engine.max_num_seqs,
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "cudagraph_mode": engine_args.cudagraph_mode,
        "max_cudagraph_capture_size": engine.max_cudagraph_capture_size,
        "dtype": engine.dtype,
        "quantization": engine.quantization,
        "parameters": model.parameters,
        "layers": model.sizes.num_hidden_layers,
    }
    return json.dumps({**own, **resolved}, sort_keys=True, default=str)


def note_of(measured: Measured) -> str:
    """The note about `measured` in a result."""
    if measured.is_same:
        times = f"{len(measured.used_bytes)} starts" if len(measured.used_bytes) > 1 else "a start"
        return (
            f"memory outside the KV cache is as measured in {times} with these flags, last on {measured.on}"
        )
    return (
        f"the usual value is corrected by a similar server's start on {measured.on}; the range is unchanged"
    )
