"""Per-layer values of a decoder: the kind of attention and the width."""

from __future__ import annotations

from vllm_costmeter.core.errors import BadInputError
from vllm_costmeter.sources.model_config.reader import ConfigReader


def layer_types(text: ConfigReader, num_layers: int, default_pattern: int | None = None) -> tuple[str, ...]:
    """One name per layer from `layer_types`; older files state that every n-th layer is global."""
    given = text.optional_list("layer_types")
    if given is not None:
        if len(given) < num_layers:
            raise BadInputError(
                f"{text.name}: {text.path}layer_types has {len(given)} entries for {num_layers} layers"
            )
        if not all(isinstance(kind, str) for kind in given):
            raise BadInputError(f"{text.name}: {text.path}layer_types must hold strings")
        return tuple(given[:num_layers])
    pattern = text.optional_int("sliding_window_pattern", "_sliding_window_pattern", minimum=1)
    pattern = pattern or default_pattern
    if pattern is None:
        return ("full_attention",) * num_layers
    return tuple(
        "full_attention" if (index + 1) % pattern == 0 else "sliding_attention" for index in range(num_layers)
    )


def width_of_layer(text: ConfigReader, key: str, index: int) -> int:
    """A width given either once for all layers or as a list with one entry per layer."""
    stated = text.raw(key)
    if not isinstance(stated, list):
        return text.int(key, minimum=1)
    if index >= len(stated):
        raise BadInputError(
            f"{text.name}: {text.path}{key} has {len(stated)} entries, layer {index} has none"
        )
    return ConfigReader({key: stated[index]}, text.name, text.path).int(key, minimum=1)
