"""A decode step, taken apart by what its seconds are spent on."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class StepParts:
    """Seconds of one decode step, by what they are spent on."""

    weights: float
    kv_cache: float
    compute: float
    exchange: float
    launch: float
    """Floors of kernels, small kernels and sampling, and the host's work that the GPU waits for."""

    @property
    def limit(self) -> str:
        """The largest part."""
        named = {
            "reading weights": self.weights,
            "reading KV cache": self.kv_cache,
            "computing": self.compute,
            "exchange between GPUs": self.exchange,
            "launching kernels": self.launch,
        }
        return max(named, key=lambda name: named[name])
