"""A model as the fit check sees it: its limits, its attention layers, its weights, its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.attention import ModelAttention

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.vllm_counts import ExactFacts
    from vllm_costmeter.core.model.checkpoint_weights import ModelWeights
    from vllm_costmeter.core.model.drafter import Drafter
    from vllm_costmeter.core.quantization.named import NamedQuantization
    from vllm_costmeter.core.quantization.scheme import KernelTarget
    from vllm_costmeter.core.release import Version


@dataclass(frozen=True, slots=True)
class ImageTower:
    """A vision tower whose peak is that of the largest image its processor allows, which vLLM profiles."""

    width: int
    output_width: int
    patch_size: int
    mergers: int
    """Outputs that it hands to the language model: one, and one per deepstack level."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The dimensions that activations depend on; 0 where the model has no such part."""

    hidden_size: int
    vocab_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_size: int
    intermediate_size: int = 0
    moe_intermediate_size: int = 0
    num_experts: int = 0
    num_experts_per_token: int = 0
    image_tower: ImageTower | None = None
    """None: no tower, or one whose peak is not modelled."""


@dataclass(frozen=True, slots=True)
class Model:
    """One checkpoint. Frozen; every method is pure, so that the same model answers many plans."""

    id: str
    architecture: str
    dtype: str
    """What vLLM computes in under `--dtype auto`: "bfloat16", "float16" or "float32"."""
    quantization: str | None
    """The checkpoint's own scheme under vLLM's name ("fp8", "compressed-tensors", ...); None: unquantized."""
    max_model_len: int
    """The longest context that vLLM accepts without an override."""
    default_max_model_len: int
    """What vLLM serves when no `--max-model-len` is given: shorter than the maximum only for LongRoPE."""
    sizes: Sizes
    attention: ModelAttention
    weights: ModelWeights
    weights_source: Literal["config", "safetensors", "gguf", "vllm"] = "config"
    """Where the bytes of the weights come from."""
    weights_error: float = 0.003  # parameters from config.json against vLLM's own model classes: within 0.3 %
    """The share by which the true weights may differ, either way."""
    not_understood: str | None = None
    """Why no answer but `unknown` can be given; None for a model whose rules are all known."""
    counted: ExactFacts | None = None
    """What the installed vLLM itself counted for one deployment, which then needs no rules of ours."""
    prediction: Drafter | None = None
    """The model's own prediction layers (MTP), loaded only where speculative decoding asks for them."""
    drafter: Drafter | None = None
    """What `--speculative-config` loads; None: nothing, or nothing that is known."""
    only_named: NamedQuantization | None = None
    """What the name says of the quantization where no file does: the weights may be as much smaller."""
    notes: tuple[str, ...] = ()
    """What a reader of any answer about this model should know."""
    is_moe: bool = False
    is_multimodal: bool = False
    is_pooling: bool = False
    is_encoder_decoder: bool = False
    is_hybrid: bool = False
    is_pipelined: bool = True
    """Whether vLLM cuts it into pipeline ranks (`SupportsPP`)."""
    first_release: Version | None = None
    """The first vLLM that serves it; None: as far back as is known."""
    last_release: Version | None = None
    """The last vLLM that serves it; None: the newest does."""
    is_tied: bool = False
    """Whether the output head is the input embedding."""

    def drafted_by(self, drafter: Drafter, speculative_config: Mapping[str, Any]) -> Model:
        """This model with what `--speculative-config` loads beside it."""
        return replace(
            self,
            drafter=replace(drafter, speculative_config=speculative_config),
            attention=replace(self.attention, draft_layers=drafter.layers),
        )

    def on_gpu(self, gpu: KernelTarget) -> Model:
        """This model with its weights, and its drafter's, as a vLLM release lays them out on a GPU, without what
        another release counted."""
        weights = self.weights.on_gpu(gpu)
        drafter = None if self.drafter is None else self.drafter.on_gpu(gpu)
        counted = self.counted
        if counted is not None and not counted.holds_in(gpu.release):
            counted = None
        if weights is self.weights and drafter is self.drafter and counted is self.counted:
            return self
        return replace(self, weights=weights, drafter=drafter, counted=counted)

    def is_counted(self, engine_args: EngineArgs) -> bool:
        """Whether vLLM itself counted this plan, its drafter included."""
        return self.counted is not None and self.counted.holds_for(engine_args)

    def fault(self, engine_args: EngineArgs) -> str | None:
        """Why this plan cannot be answered; None where the rules are known or vLLM counted it."""
        return None if self.is_counted(engine_args) else self.not_understood

    def draft_fault(self, engine_args: EngineArgs) -> str | None:
        """Why our rules do not answer for the draft that this plan loads; None where they do or it loads none."""
        if engine_args.speculative_config is None:
            return None
        from vllm_costmeter.core.model.drafter import WEIGHTLESS_DRAFTERS

        method = engine_args.speculative_config.get("method")
        if method in WEIGHTLESS_DRAFTERS:
            return None
        if self.drafter is not None and self.drafter.speculative_config == engine_args.speculative_config:
            return None
        named = method or "draft_model"
        return f"--speculative-config loads a draft ({named}) whose memory is not understood for this model"

    @property
    def parameters(self) -> int | None:
        """Weights of the checkpoint's modules that vLLM loads, counted unquantized and unpadded."""
        return self.weights.parameters

    def weights_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes on the heaviest tensor-parallel rank of each pipeline rank; parameters and buffers, each once.

        NotUnderstoodError where the plan asks for a quantization whose layout is not known;
        BadInputError where the plan divides the model in a way that vLLM refuses.
        """
        return self.weights.bytes_per_pipeline_rank(engine_args, self.dtype)

    def converted_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes that vLLM adds to `weights_bytes` while it converts loaded weights (absorbed MLA projections, MXFP4
        experts in their kernel's padded layout); they are part of what a server logs as weights."""
        return self.weights.converted_bytes_per_pipeline_rank(engine_args, self.dtype)

    def allocator_slack_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes that the CUDA allocator keeps beyond the tensors' own (0 to 0.5 % of them); servers log them as
        weights too."""
        return self.weights.allocator_slack_per_pipeline_rank(engine_args, self.dtype)
