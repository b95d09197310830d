"""How a configuration class derives one key from others, found by changing one key at a time."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vllm_costmeter.sources.model_config.class_defaults import evaluated, per_layer

_NO_SIZE = re.compile(
    "architectures|model_type|dtype|torch_dtype|num_labels|id2label|label2id|is_decoder|quantization_config|"
    ".*(_act|_activation|_dropout|_token_id|_token_index|_eps|_epsilon|_range|initializer_factor)|name|values|"
    "transformers_version|is_encoder_decoder|use_cache|text|image|audio|video|vision|prefix|path|get|config|"
    "return_dict|output_hidden_states|problem_type|chunk_size_feed_forward"
)
"""Names that describe a model or its computation but are not sizes, or are not configuration keys."""
_LONGEST_LIST = 8
"""A longer list has one entry per layer and depends on the number of layers."""
_LONGEST_PERIOD = 12
_DEPTHS = (60, 47, 24)


def is_size(key: str) -> bool:
    """Whether a key may affect the size of weights or caches."""
    return _NO_SIZE.fullmatch(key) is None


def is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= _LONGEST_LIST and all(is_plain(one) for one in value)
    return isinstance(value, (bool, int, float, str))


def value_at(instance: Any, key: str) -> Any:
    """The attribute as JSON. AttributeError if the class has none."""
    value = getattr(instance, key)
    return list(value) if isinstance(value, tuple) else value


def read(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(attributes(cls(**copy.deepcopy(dict(given)))))


def attributes(instance: Any) -> Iterator[tuple[str, Any]]:
    names = [name for name in vars(instance) if not name.startswith("_")]
    properties = [
        name for name, _ in inspect.getmembers(type(instance), lambda one: isinstance(one, property))
    ]
    for name in dict.fromkeys([*names, *properties]):
        try:
            yield name, value_at(instance, name)
        except Exception:  # noqa: BLE001 - a property that depends on a missing attribute
            continue


def keywords(cls: type) -> set[str]:
    """Keys that the class's code reads but that are not attributes."""
    try:
        return set(re.findall(r"kwargs\.(?:get|pop)\(\s*\"(\w+)\"", inspect.getsource(cls)))
    except (OSError, TypeError):
        return set()


def changes(cls: type, whole: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The attributes after each key was changed, except keys for which the class accepts no other value."""
    found = {}
    for key in whole:
        if not is_size(key):
            continue
        for other in _others(whole[key]):
            after = tried(cls, {key: other})
            if after is not None and after.get(key) != whole[key]:
                found[key] = after
                break
    return found


def _others(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value * 2, value + 1, value // 2)
    elif isinstance(value, float):
        yield value / 2
    elif isinstance(value, list) and value:
        yield from (value[:-1], value + value[-1:])


def tried(cls: type, given: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return read(cls, given)
    except Exception:  # noqa: BLE001 - a value that the class rejects
        return None


def pattern_of(cls: type, key: str, changed: Mapping[str, Mapping[str, Any]]) -> list[Any] | None:
    """A pattern for `class_defaults.per_layer`; None if the list does not have one entry per layer or follows
    no such pattern."""
    count = getattr(cls, "attribute_map", {}).get("num_hidden_layers", "num_hidden_layers")
    lists = [after[key] for depth in _DEPTHS if (after := tried(cls, {count: depth})) is not None]
    if not lists or any(len(kinds) != depth for kinds, depth in zip(lists, _DEPTHS, strict=False)):
        return None
    found, every = _repeated(lists), None
    if found is None:
        return None
    at_first = dict(attributes(cls()))[key]
    unset = [name for name, value in attributes(cls()) if value is None or isinstance(value, str)]
    for other in {*changed, *unset, *keywords(cls)} - {key, count, "num_hidden_layers"}:
        others = [
            after.get(key) for value in (3, [1], True, False, "full") if (after := tried(cls, {other: value}))
        ]
        if all(kinds == at_first for kinds in others):
            continue
        wider = tried(cls, {other: 3, count: _DEPTHS[0]})
        same = wider is not None and per_layer([*found, other, []], {other: 3}.get, _DEPTHS[0]) == wider[key]
        if every is not None or not same:
            return None
        every = other
    nulls = [name for name in changed if (after := tried(cls, {name: None})) and after.get(key) != at_first]
    return [*found, every, nulls]


def _repeated(lists: Sequence[list[Any]]) -> tuple[list[Any], Any] | None:
    for period in range(1, _LONGEST_PERIOD + 1):
        unit = lists[0][:period]
        for last in (None, lists[0][-1]):
            if all(per_layer([unit, last, None, []], {}.get, len(kinds)) == kinds for kinds in lists):
                return unit, last
    return None


def rule_of(cls: type, key: str, value: Any, whole: Mapping[str, Any], by: set[str]) -> str | None:
    """The formula that gives `key` from the keys it changed with, if it is a supported one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    lists = sorted(
        name
        for name in whole
        if isinstance(whole[name], (list, str))
        and len(whole[name]) == value
        and (name in by or isinstance(inspect.getattr_static(cls, name, None), property))
    )
    if lists and by and by <= set(lists):
        return f"len {' '.join(lists)}"
    names = sorted(name for name in by if isinstance(whole[name], int) and not isinstance(whole[name], bool))
    if set(names) != by:
        return None
    candidates = [
        *names,
        *(f"{value // whole[name]} * {name}" for name in names if whole[name] and value % whole[name] == 0),
    ]
    candidates += [
        f"{name} // {whole[name] // value}" for name in names if value and whole[name] % value == 0
    ]
    candidates += [
        f"{one} {sign} {other}" for one in names for other in names if one != other for sign in ("//", "*")
    ]
    given = {name: 6 * (number + 2) * whole[name] for number, name in enumerate(names)}
    trials = [{}, given, *({name: 2 * whole[name]} for name in names)]
    lists = [after for trial in trials if (after := tried(cls, trial)) is not None]
    for formula in candidates:
        if all(after.get(key) == evaluated(formula, after.get) for after in lists):
            return formula
    return None


def switch_of(key: str, changed: Mapping[str, Mapping[str, Any]]) -> str | None:
    """`KEY ? NUMBER`, for a value that only one flag enables."""
    by = [(other, after[key]) for other, after in changed.items() if after.get(key) is not None]
    if len(by) != 1 or changed[by[0][0]].get(by[0][0]) is not True or type(by[0][1]) is not int:
        return None
    return f"{by[0][0]} ? {by[0][1]}"
