"""How a configuration class computes one key from others, as `class_defaults.json` writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def evaluated(formula: str, value_of: Callable[[str], Any]) -> Any:
    """A rule: `KEY`, `KEY // KEY`, `KEY * KEY`, either with a number on one side, `FLAG ? NUMBER`, or `len KEY KEY`
    (entries of the first that is there), of the section's other keys; or `SECTION.KEY`. None where those are missing
    or of another kind."""
    match formula.split():
        case ["len", *names]:
            found = next((value for name in names if isinstance(value := value_of(name), (list, str))), None)
            return None if found is None else len(found)
        case [flag, "?", number]:
            return int(number) if value_of(flag) is True else None
        case [one, sign, other]:
            left, right = (int(name) if name.isdigit() else value_of(name) for name in (one, other))
            if type(left) is not int or type(right) is not int or right <= 0:
                return None
            return left * right if sign == "*" else left // right
        case _:
            return value_of(formula)


def per_layer(pattern: Sequence[Any], value_of: Callable[[str], Any], num_layers: int) -> list[Any] | None:
    """A list with one entry per layer, from [the kinds that repeat, the last layer's kind where that breaks them, the
    key that says after how many layers they repeat, keys whose null changes it all].

    None where these keys say nothing, or something that no class takes."""
    kinds, last, key, _ = pattern
    every = value_of(key) if key is not None else None
    if every is not None:
        if type(every) is not int or every <= 0:
            return None
        every = min(every, num_layers + 1)
        odd_first = len(kinds) > 1 and kinds[0] != kinds[1]
        kinds = kinds[:1] + kinds[-1:] * (every - 1) if odd_first else kinds[:1] * (every - 1) + kinds[-1:]
    found = [kinds[index % len(kinds)] for index in range(num_layers)]
    return found if last is None else [*found[:-1], last]
