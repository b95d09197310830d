"""A model as used by the fit check: its limits, its attention layers, its weights, its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from vllm_costmeter.core.dataclass import dataclass, field, replace
from vllm_costmeter.core.engine.args import EngineArgs
from vllm_costmeter.core.model.attention import ModelAttention

if TYPE_CHECKING:
    from vllm_costmeter.core.fit.vllm_counts import ExactFacts
    from vllm_costmeter.core.model.checkpoint_weights import ModelWeights
    from vllm_costmeter.core.model.draft_facts import DraftFacts
    from vllm_costmeter.core.model.drafter import Drafter
    from vllm_costmeter.core.model.unsplit_items import UnsplitItems
    from vllm_costmeter.core.quantization.facts import QuantizationFacts
    from vllm_costmeter.core.quantization.named import NamedQuantization
    from vllm_costmeter.core.quantization.scheme import KernelTarget
    from vllm_costmeter.core.release import Version


@dataclass(frozen=True, slots=True)
class ImageTower:
    """A vision tower that vLLM profiles with the largest image its processor allows."""

    width: int
    output_width: int
    patch_size: int
    mergers: int
    """Outputs passed to the language model: one, plus one per deepstack level."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The dimensions that determine activation memory; 0 if the model has no such part."""

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
    """None: no tower, or its peak is not modelled."""


@dataclass(frozen=True, slots=True)
class Model:
    """One checkpoint. Immutable, with pure methods: one model serves any number of checks."""

    id: str
    architecture: str
    dtype: str
    """vLLM's compute dtype under `--dtype auto`: "bfloat16", "float16" or "float32"."""
    quantization: str | None
    """The checkpoint's quantization by vLLM's name ("fp8", "compressed-tensors", ...); None: unquantized."""
    max_model_len: int
    """The longest context that vLLM accepts without an override."""
    default_max_model_len: int
    """The context length without `--max-model-len`: shorter than the maximum only for LongRoPE."""
    sizes: Sizes
    attention: ModelAttention
    weights: ModelWeights
    weights_source: Literal["config", "safetensors", "gguf", "vllm"] = "config"
    """The source of the weights' bytes."""
    weights_error: float = 0.003  # parameters from config.json against vLLM's own model classes: within 0.3 %
    """Maximum relative error of the weights, in either direction."""
    weights_most_share: float = 1.0
    """How many times larger the weights may be, because config.json does not state which layers are quantized."""
    not_understood: str | None = None
    """Why the verdict can only be `unknown`; None if all memory rules of the model are known."""
    counted: ExactFacts | None = None
    """The installed vLLM's own counts for one deployment, which replace our rules there."""
    prediction: Drafter | None = None
    """The model's own prediction layers (MTP), loaded only if speculative decoding uses them."""
    drafter: Drafter | None = None
    """What `--speculative-config` loads; None: nothing, or a drafter that is not understood."""
    only_named: NamedQuantization | None = None
    """Quantization known only from the model's name, not from a file; the weights may be that small."""
    notes: tuple[str, ...] = ()
    """Notes for every result about this model."""
    is_moe: bool = False
    is_multimodal: bool = False
    is_pooling: bool = False
    is_encoder_decoder: bool = False
    is_hybrid: bool = False
    is_pipelined: bool = True
    """Whether vLLM supports pipeline parallelism for it (`SupportsPP`)."""
    lengths_before_0_30: tuple[int, int] | None = None
    """The same two lengths in releases before 0.30, which scale YaRN's original length; None: the same."""
    is_length_fixed: bool = False
    """Whether a head of this config.json cannot take a longer model's positions (YaRN, dynamic, LongRoPE)."""
    first_release: Version | None = None
    """The first vLLM release that serves it; None: all known releases do."""
    last_release: Version | None = None
    """The last vLLM release that serves it; None: the newest still does."""
    has_sinks: bool = False
    """Whether heads of its layers have a learned logit that no key has (gpt-oss)."""
    is_tied: bool = False
    """Whether the output head shares the input embedding."""
    quantization_facts: QuantizationFacts | None = None
    """What decides whether vLLM serves the checkpoint's quantization; None: unquantized, or GGUF."""
    unsplit_items: UnsplitItems | None = None
    """None: items may be split over several steps, or their tokens are not known."""
    model_type: str = ""
    """`model_type` of config.json; "" if it has none."""
    draft_facts: DraftFacts | None = None
    """The draft model or head that `--speculative-config` names; None: it names none, or none that can be read."""
    kept_values_per_token: int = 0
    """Values of the served dtype that the model keeps for every token of the largest batch from its loading on."""
    lacks: Mapping[str, Version | None] = field(default_factory=dict)
    """What vLLM's class for it lacks ("lora", "eagle3") until a first release; None: until now."""

    def drafted_by(self, drafter: Drafter, speculative_config: Mapping[str, Any]) -> Model:
        """This model with the drafter that `--speculative-config` loads."""
        asked = drafter.asked(speculative_config)
        attention = replace(self.attention, draft_layers=asked.layers, prediction_modules=asked.num_modules)
        return replace(self, drafter=asked, attention=attention)

    def on_gpu(self, gpu: KernelTarget) -> Model:
        """This model in the layout of a release on a GPU, without the counts of another release."""
        weights = self.weights.on_gpu(gpu)
        drafter = None if self.drafter is None else self.drafter.on_gpu(gpu)
        counted = self.counted
        if counted is not None and not counted.holds_in(gpu.release):
            counted = None
        dtype, attention = self._dtype_on(gpu), self.attention
        if dtype != self.dtype:
            attention = replace(attention, dtype=dtype)
        elif weights is self.weights and drafter is self.drafter and counted is self.counted:
            return self
        return replace(
            self, weights=weights, drafter=drafter, counted=counted, dtype=dtype, attention=attention
        )

    def _dtype_on(self, gpu: KernelTarget) -> str:
        if gpu.compute_capability is None or gpu.compute_capability >= (8, 0):
            return self.dtype
        from vllm_costmeter.core.model.served_dtype import served_before_bfloat16

        return served_before_bfloat16(self.dtype, self.model_type)

    def is_counted(self, engine_args: EngineArgs) -> bool:
        """Whether vLLM itself counted the model, with its drafter, for these flags."""
        return self.counted is not None and self.counted.holds_for(engine_args)

    def fault(self, engine_args: EngineArgs) -> str | None:
        """Why these flags cannot be checked; None if the rules are known or vLLM counted them."""
        return None if self.is_counted(engine_args) else self.not_understood

    def draft_fault(self, engine_args: EngineArgs) -> str | None:
        """Why the memory of the drafter is unknown; None if it is known or these flags load no drafter."""
        if engine_args.speculative_config is None:
            return None
        from vllm_costmeter.core.model.draft_facts import drafting_method
        from vllm_costmeter.core.model.drafter import WEIGHTLESS_DRAFTERS

        method = drafting_method(engine_args.speculative_config, self.draft_facts)
        if method in WEIGHTLESS_DRAFTERS:
            return None
        if self.drafter is not None and self.drafter.speculative_config == engine_args.speculative_config:
            return None
        named = method or "draft_model"
        return f"--speculative-config: the memory of the drafter ({named}) is not understood for this model"

    @property
    def parameters(self) -> int | None:
        """Number of parameters that vLLM loads, unquantized and unpadded; None if unknown."""
        return self.weights.parameters

    def weights_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes of parameters and buffers on the largest tensor-parallel rank of each pipeline rank.

        NotUnderstoodError for a quantization with an unknown layout; BadInputError for a parallel layout that
        vLLM refuses.
        """
        return self.weights.bytes_per_pipeline_rank(engine_args, self.dtype)

    def converted_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes per pipeline rank that vLLM adds when it converts loaded weights (absorbed MLA projections,
        MXFP4 experts in their kernel's padded layout); servers log them as weights."""
        return self.weights.converted_bytes_per_pipeline_rank(engine_args, self.dtype)

    def allocator_slack_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes per pipeline rank added by the CUDA allocator's rounding (0 to 0.5 %); logged as weights."""
        return self.weights.allocator_slack_per_pipeline_rank(engine_args, self.dtype)

    def resident_bytes(self, engine_args: EngineArgs) -> tuple[int, ...]:
        """Bytes of weights per pipeline rank that `--cpu-offload-gb` leaves on the GPU, however large it is."""
        return self.weights.resident_bytes_per_pipeline_rank(engine_args, self.dtype)
