"""The attention window of each layer: how many tokens it remembers, None for all of them (vLLM 0.32)."""

from __future__ import annotations

from collections.abc import Callable

from vllm_costmeter.core.errors import NotUnderstoodError
from vllm_costmeter.sources.model_config.families.source import Source
from vllm_costmeter.sources.model_config.reader import ConfigReader

Windows = tuple[int | None, ...]

WindowRule = Callable[[Source], Windows]

_MISTRAL_WINDOW = 4096  # sliding_window default of transformers' MistralConfig (5.x)


def stated_window(text: ConfigReader) -> int | None:
    """`sliding_window`; a file that switches it off (`use_sliding_window: false`, a window of 0) has none."""
    if not text.bool("use_sliding_window", default=True):
        return None
    if text.raw("model_type") == "mistral" and "sliding_window" not in text.values:
        return _MISTRAL_WINDOW  # null switches it off, silence does not
    return text.optional_int("sliding_window") or None


def model_window(source: Source) -> int | None:
    """What vLLM's `Attention` takes for a class that names no window per layer: the file's `sliding_window`, whatever
    `layer_types` or `use_sliding_window` say (`cache_config.sliding_window`, 0.17 to 0.33)."""
    return source.text.optional_int("sliding_window") or None


def model_wide(source: Source) -> Windows:
    """The same window in every layer."""
    return (model_window(source),) * source.num_layers


def full_everywhere(source: Source) -> Windows:
    """None, whatever window the file may state."""
    return (None,) * source.num_layers


def as_stated(source: Source) -> Windows:
    """The stated window in the layers that `layer_types` names, in all of them without a list."""
    text, window = source.text, stated_window(source.text)
    if window is None or text.optional_list("layer_types") is None:
        return (window,) * source.num_layers
    from vllm_costmeter.sources.model_config.layer_types import layer_types

    return by_type(layer_types(text, source.num_layers), window)


def as_listed(source: Source) -> Windows:
    """As stated, for families whose windows alternate: `layer_types` must say where (EXAONE 4)."""
    text = source.text
    if stated_window(text) is not None and text.optional_list("layer_types") is None:
        raise NotUnderstoodError(
            f"{text.name}: which layers have the sliding window is not stated (layer_types)"
        )
    return as_stated(source)


def interleaved(every: int, default: int = 4096) -> WindowRule:
    """A window in all but every n-th layer: by `layer_types`, a stated pattern, or the family's own."""

    def rule(source: Source) -> Windows:
        from vllm_costmeter.sources.model_config.layer_types import layer_types

        window = source.text.int("sliding_window", default=default, minimum=1)
        return by_type(layer_types(source.text, source.num_layers, every), window)

    return rule


def by_type(kinds: tuple[str, ...], window: int) -> Windows:
    """NotUnderstoodError for a kind of layer that is neither full attention nor a window."""
    return tuple(window if kind == "sliding_attention" else None for kind in attending(kinds))


def attending(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The same kinds. NotUnderstoodError for one that is neither full attention nor a window."""
    unknown = set(kinds) - {"full_attention", "sliding_attention"}
    if unknown:
        raise NotUnderstoodError(f"layer type {sorted(unknown)[0]!r} is not known for this architecture")
    return kinds
