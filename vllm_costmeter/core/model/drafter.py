"""The drafter of speculative decoding: a draft model, an EAGLE head, or the model's prediction layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.core.model.weights import Weights

if TYPE_CHECKING:
    from vllm_costmeter.core.model.attention import LayerCaches
    from vllm_costmeter.core.model.checkpoint_weights import ModelWeights
    from vllm_costmeter.core.quantization.scheme import KernelTarget

WEIGHTLESS_DRAFTERS = frozenset({"ngram", "ngram_gpu", "suffix"})
"""Speculative methods that need no weights (vllm/config/speculative.py, 0.32.0)."""


@dataclass(frozen=True, slots=True)
class Drafter:
    """The drafter of a model, on the last pipeline rank and with the model's tensor parallelism.

    vLLM 0.32 builds its layers in the model's tensor-parallel group, regardless of
    `draft_tensor_parallel_size` (v1/spec_decode; confirmed by exact mode).
    """

    weights: ModelWeights
    dtype: str
    layers: tuple[LayerCaches, ...]
    speculative_config: Mapping[str, Any] | None = None
    """The `--speculative-config` that loads it; None: not requested."""
    is_own: bool = False
    """Whether it consists of the model's own prediction layers, to which `--quantization` applies too."""
    is_by_depth: bool = False
    """Whether vLLM builds only as many of its layers as tokens are drafted (Inkling)."""
    shares_tables: bool = False
    """Whether vLLM always puts the model's embedding and output head in the place of its own."""
    num_modules: int = 1
    """`num_nextn_predict_layers` as config.json states it: modules that each read a token further ahead."""
    predicted_tokens: int | None = None
    """Prediction layers that config.json states, each for one token more (vLLM's `n_predict`); None: not its own."""

    def on_gpu(self, gpu: KernelTarget) -> Drafter:
        weights = self.weights.on_gpu(gpu)
        return self if weights is self.weights else replace(self, weights=weights)

    def asked(self, speculative_config: Mapping[str, Any]) -> Drafter:
        """The drafter as `--speculative-config` loads it."""
        drafter = replace(self, speculative_config=speculative_config)
        tokens = speculative_config.get("num_speculative_tokens")
        if not self.is_by_depth or not isinstance(tokens, int) or not isinstance(self.weights, Weights):
            return drafter
        weights = replace(self.weights, layers=self.weights.layers[:tokens])
        return replace(drafter, weights=weights, layers=self.layers[:tokens])

    def built_bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        """Bytes of the drafter's parameters and buffers as vLLM builds them, with embedding and heads."""
        return self.weights.bytes_per_pipeline_rank(self._alone(engine_args), self.dtype)[0]

    def shared_bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        """The part of `built_bytes_on_last_rank` that vLLM frees again because it shares the model's tables.

        Only for prediction layers and heads without a flag for tables of their own, and while vLLM still measures
        the memory of loading (`load_model` of v1/worker/gpu_model_runner.py and v1/worker/gpu/model_runner.py,
        `_maybe_share_embeddings` and `_maybe_share_lm_head` of v1/spec_decode, 0.17 to 0.33). The embedding is not
        shared across pipeline stages. Draft models share nothing. Another head shares the tables that its
        checkpoint lacks: without its files, config.json does not state which, so they are counted.
        """
        if not (self.is_own or self.shares_tables) or not isinstance(self.weights, Weights):
            return 0
        is_pipelined = engine_args.layout.pipeline_parallel_size > 1
        tables = self.weights.tables(with_embedding=not is_pipelined)
        return tables.bytes_per_pipeline_rank(self._alone(engine_args), self.dtype)[0]

    def bytes_on_last_rank(self, engine_args: EngineArgs) -> int:
        """Bytes of the drafter's parameters and buffers that stay loaded."""
        return self.built_bytes_on_last_rank(engine_args) - self.shared_bytes_on_last_rank(engine_args)

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
                f"--speculative-config: draft_tensor_parallel_size must be 1 or {size}, as vLLM requires"
            )
        layout = replace(engine_args.layout, pipeline_parallel_size=1)
        quantization = engine_args.quantization if self.is_own else speculative.get("quantization")
        return replace(engine_args, layout=layout, quantization=quantization)
