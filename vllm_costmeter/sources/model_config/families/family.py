"""How one family of vLLM's registry is built from config.json."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.dataclass import dataclass, replace
from vllm_costmeter.core.model.attention import LayerCaches
from vllm_costmeter.core.model.model import ImageTower
from vllm_costmeter.core.model.parts import Part
from vllm_costmeter.core.model.weights import Weights
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

Builder = Callable[[Source], Weights]
Tower = Callable[[Source], tuple[Part, ...]]
Prediction = Callable[[Source, Weights, int], Weights | None]


@dataclass(frozen=True, slots=True)
class Family:
    """How a family is built, and how its checkpoint's names turn into vLLM's (for quantization rules)."""

    build: Builder
    """The decoder: layers with their parts and caches, and what stands around them, unquantized."""
    tower: Tower | None = None
    renames: tuple[tuple[str, str], ...] = ()
    """(checkpoint prefix, vLLM prefix), the first that matches applies."""
    inputs: tuple[str, ...] | Callable[[Source], tuple[str, ...]] = ("image",)
    """What the tower serves, under vLLM's names in `--limit-mm-per-prompt`; a rule where files differ in it."""
    image_tower: Callable[[Source], ImageTower] | None = None
    """What the tower's peak depends on; None: it has none, or its peak is not modelled."""
    tower_caches: Callable[[Source], tuple[LayerCaches, ...]] | None = None
    """What the tower's layers cache, if they do."""
    kept_values: Callable[[Source], int] | None = None
    """Values that the model keeps for every token of the largest batch, beside its parameters and buffers."""
    tower_is_plain: bool = False
    """True where vLLM leaves the tower unquantized whatever the checkpoint's rules say."""
    prediction: Prediction | None = None
    """The model's own prediction layers (MTP), of the model and a count; None: it has none, or they are not known."""
    prediction_count: int | None = None
    """How many prediction layers vLLM loads, whatever the file counts."""
    stated_depths: Callable[[Source], int | None] | None = None
    """How many prediction layers the file states; None: by the keys common to most files."""
    drafts_by_depth: bool = False
    """Whether vLLM builds only as many prediction layers as tokens are drafted."""
    other_for: Callable[[Source], Family | None] | None = None
    """The family that vLLM serves a file by in place of this one, whose name it has; None: always this one."""
    is_pooling: bool = False
    caches_prefixes: bool = True
    """False for hybrid models that pool over the first token or average all."""
    is_encoder_decoder: bool = False
    is_pipelined: bool = True
    """Whether vLLM's class cuts it into pipeline ranks (`SupportsPP`)."""
    is_cut: Callable[[Source], bool] | None = None
    """Whether it cuts this file's model; None: as its class does."""
    text: Callable[[ConfigReader], ConfigReader] | None = None
    """The language model's section, where the file keeps it elsewhere than most."""
    blackwell_kv_cache_dtype: str | None = None
    """The cache dtype that vLLM chooses by itself on compute capability 10.x."""

    def weights(self, source: Source) -> Weights:
        """Everything a server loads of the checkpoint, towers included."""
        if self.tower is None:
            return self.build(source)
        return replace(
            self.build(replace(source, prefix="language_model.")),
            towers=self.tower(source),
            tower_inputs=self.inputs(source) if callable(self.inputs) else self.inputs,
            plain_towers=self.tower_is_plain,
        )
