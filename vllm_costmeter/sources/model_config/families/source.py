"""What every family reads from a config.json: the text model's own section and its common sizes."""

from __future__ import annotations

from vllm_costmeter.core.dataclass import dataclass
from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config.class_defaults import TEXT_SECTIONS
from vllm_costmeter.sources.model_config.reader import ConfigReader

MAX_LAYERS = 1024  # the deepest published model has 126 (Llama 3.1 405B, 2024-07); more is a corrupt file

_LAYER_COUNTS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")

_HEAD_COUNTS = ("num_attention_heads", "n_head", "n_heads", "decoder_attention_heads")

_KV_HEAD_COUNTS = ("num_key_value_heads", "num_kv_heads", "n_head_kv")
_LONGEST_NAME = 100  # the longest of vLLM 0.32's architectures has 48 letters

_MIMO_V2 = ("MiMoV2FlashForCausalLM", "MiMoV2ForCausalLM")


@dataclass(frozen=True, slots=True)
class Source:
    """One config.json: `root` as it stands, `text` the section of the language model (the root where it has none)."""

    root: ConfigReader
    text: ConfigReader
    prefix: str = ""
    """What vLLM's module names begin with: "language_model." inside most multimodal models."""

    @property
    def hidden_size(self) -> int:
        return self.text.int("hidden_size", "n_embd", "d_model", minimum=1)

    @property
    def vocab_size(self) -> int:
        return self.text.int("vocab_size", minimum=1)

    @property
    def num_layers(self) -> int:
        stated = self.text.optional_int(*_LAYER_COUNTS, minimum=1, maximum=MAX_LAYERS)
        kinds = self.text.optional_list("layers_block_type") if stated is None else None
        if kinds and len(kinds) <= MAX_LAYERS:
            return len(kinds)
        return self.text.int(*_LAYER_COUNTS, minimum=1, maximum=MAX_LAYERS)

    @property
    def stated_heads(self) -> int | None:
        """Query heads; None for a model of recurrent layers alone."""
        return self.text.optional_int(*_HEAD_COUNTS, minimum=1)

    @property
    def num_heads(self) -> int:
        return self.text.int(*_HEAD_COUNTS, minimum=1)

    @property
    def num_kv_heads(self) -> int:
        return self.text.int(*_KV_HEAD_COUNTS, default=self.num_heads, minimum=1)

    @property
    def intermediate_size(self) -> int:
        return self.text.int("intermediate_size", "ffn_dim", "ffn_hidden_size", minimum=1)

    @property
    def max_position(self) -> int:
        return self.text.int("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", minimum=1)

    def head_size(self, default: int | None = None) -> int:
        """`head_dim`; where absent, the family's default, else hidden size over heads."""
        given = self.text.optional_int("head_dim")
        if given:
            return given
        if default is not None:
            return default
        if self.hidden_size % self.num_heads:
            raise BadInputError(
                f"{self.text.name}: hidden_size {self.hidden_size} is no multiple of num_attention_heads "
                f"{self.num_heads} and head_dim is missing"
            )
        return self.hidden_size // self.num_heads

    def is_tied(self, default: bool = False) -> bool:
        """Whether the output head is the input embedding. The root of a multimodal config speaks for its text
        section, where it says anything (vLLM 0.32's `with_hf_config`)."""
        if self.root.has("tie_word_embeddings"):
            return self.root.bool("tie_word_embeddings", default=default)
        return self.text.bool("tie_word_embeddings", default=default)


def text_section(root: ConfigReader) -> ConfigReader:
    """The section that describes the language model, as Hugging Face's `get_text_config` chooses it."""
    if root.raw("model_type") == "moondream3":
        return _moondream3(root)
    for name in (*TEXT_SECTIONS, "vlm_config"):
        section = root.optional_section(name)
        if section is not None and name in ("thinker_config", "vlm_config"):
            return section.optional_section("text_config") or section
        if section is not None:
            return section
    return root


_MOONDREAM_KEYS = {
    "hidden_size": ("dim", 2048),
    "intermediate_size": ("ff_dim", 8192),
    "num_hidden_layers": ("n_layers", 24),
    "vocab_size": ("vocab_size", 51200),
    "max_position_embeddings": ("max_context", 4096),
    "num_attention_heads": ("n_heads", 32),
    "num_key_value_heads": ("n_kv_heads", 32),
    "rope_theta": ("rope_theta", 1500000.0),
}
_MOONDREAM_EXPERTS = {
    "moe_start_layer": ("start_layer", 4),
    "num_experts": ("n_experts", 64),
    "num_experts_per_tok": ("n_experts_per_tok", 8),
    "moe_intermediate_size": ("expert_inner_dim", 1024),
}
"""The common names of Moondream 3's keys, with the defaults of vLLM 0.32's Moondream3TextConfig."""


def _moondream3(root: ConfigReader) -> ConfigReader:
    """The section `config.text` under common names, as vLLM's configuration class makes it."""
    stated = root.optional_section("config") or ConfigReader({}, root.name)
    text = stated.optional_section("text") or ConfigReader({}, root.name)
    experts = text.optional_section("moe") or ConfigReader({}, root.name)
    values: dict[str, object] = {}
    for section, keys in ((text, _MOONDREAM_KEYS), (experts, _MOONDREAM_EXPERTS)):
        for name, (own, default) in keys.items():
            found = section.raw(own)
            values[name] = default if found is None else found
    return ConfigReader(values, root.name, "config.text.")


def architecture_of(config: ConfigReader) -> str:
    """The first architecture config.json names. BadInputError when it names none, or what no class can be called."""
    names = config.optional_list("architectures")
    if not names or not isinstance(names[0], str):
        raise BadInputError(f"{config.name}: architectures is missing: it names the model's class")
    if not names[0].isidentifier() or len(names[0]) > _LONGEST_NAME:
        raise BadInputError(f"{config.name}: architectures names {names[0][:40]!a}, which is no class's name")
    if names[0] in _MIMO_V2 and config.has("vision_config"):
        return "MiMoV2OmniForCausalLM"  # MimoV2ModelArchConfigConvertor
    return names[0]
