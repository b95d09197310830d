"""What speculative decoding loads beside a model: a draft model, an EAGLE head, or its own prediction layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.attention import LayerCaches
from vllm_costmeter.core.model.checkpoint_weights import ModelWeights
from vllm_costmeter.core.quantization.schemes.mxfp4_layouts import KernelTarget

WEIGHTLESS_DRAFTERS = frozenset({"ngram", "ngram_gpu", "suffix"})
"""Speculative methods that guess from the text itself (vllm/config/speculative.py, 0.32.0)."""


@dataclass(frozen=True, slots=True)
class Drafter:
    """It lives on the last pipeline rank, divided as the model is: vLLM 0.32 builds its layers in the model's own
    tensor-parallel group, whatever `draft_tensor_parallel_size` says (v1/spec_decode, and exact mode's answers)."""

    weights: ModelWeights
    dtype: str
    layers: tuple[LayerCaches, ...]
    speculative_config: Mapping[str, Any] | None = None
    """The `--speculative-config` that it answers; None: not asked for."""
    is_own: bool = False
    """Whether these are the model's own prediction layers, which `--quantization` is about too."""

    def on_card(self, card: KernelTarget) -> Drafter:
        weights = self.weights.on_card(card)
        return self if weights is self.weights else replace(self, weights=weights)

    def bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        """Parameters and buffers beside the model's own, embedding and head included: vLLM builds them, and counts
        them as weights, before it shares the model's (v1/spec_decode/llm_base_proposer.py, 0.32)."""
        return self.weights.bytes_per_pipeline_rank(self._alone(engine_args), self.dtype)[0]

    def converted_bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        return self.weights.converted_bytes_per_pipeline_rank(self._alone(engine_args), self.dtype)[0]

    def allocator_slack_on_last_rank(self, engine_args: EngineArgs) -> int:
        return self.weights.allocator_slack_per_pipeline_rank(self._alone(engine_args), self.dtype)[0]

    def _alone(self, engine_args: EngineArgs) -> EngineArgs:
        speculative = self.speculative_config or {}
        asked = speculative.get("draft_tensor_parallel_size")
        size = engine_args.layout.tensor_parallel_size
        if asked not in (None, 1, size):
            raise BadInputError(
                f"--speculative-config: draft_tensor_parallel_size must be 1 or {size}, as vLLM demands"
            )
        layout = replace(engine_args.layout, pipeline_parallel_size=1)
        quantization = engine_args.quantization if self.is_own else speculative.get("quantization")
        return replace(engine_args, layout=layout, quantization=quantization)
