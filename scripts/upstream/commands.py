"""Command lines to compare our parser with vLLM's: recipes, every flag in every spelling, and mixtures.

Deterministic: the same table and recipes give the same lines. A line is a list of words: `serve ...`, or the
arguments of `python -m vllm.entrypoints.openai.api_server`.
"""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vllm_costmeter.sources.vllm_cli.flag_table import Flag, FlagTable, ReleaseFlags

Words = list[str]
SEED = 20261128
MODEL = "org/model"

GOOD = {
    "str": ["text", "auto", "None", "a b"],
    "int": ["3", "1_000", "None"],
    "float": ["0.5", "1e-3", "nan"],
    "json": ['{"a": {"b": [1, 2.5, null, true]}}', "[1]"],
    "json_or_str": ['{"a": 1}', ' {"a": {"b": "c"}} ', "text"],
    "human_int": ["4096", "4k", "4K", "25.6k", "2m"],
    "human_int_or_auto": ["32k", "auto", "-1", "AUTO", "1.5M"],
    "none_is_empty": ["None", "qwen3"],
    "snake_case": ["deep-gemm", "AUTO"],
    "comma_list": ["0,1", "GPU-1, 2"],
}
BAD = {
    "int": ["x", "1.5", "4k", ""],
    "float": ["x", ""],
    "json": ["{", "text", ""],
    "json_or_str": ["{a}", ""],
    "human_int": ["x", "1.5K", "4kb", ""],
    "human_int_or_auto": ["automatic", "1.5K", ""],
}
OF_SHAPE: dict[str, tuple[list[Any], list[Any]]] = {
    "int": ([3, "4", 3.0, True], ["x", 1.5, None, [1]]),
    "float": ([0.5, 2, "1.5"], ["x", None]),
    "bool": ([True, False, "yes", 0, "TRUE"], ["maybe", 2, None]),
    "str": (["text"], [1, None, ["a"]]),
    "object": ([{"a": 1}], ["a", [1]]),
    "null": ([None], []),
    "any": ([], []),
}
"""Values that a field of a configuration class accepts and rejects, by its shape."""


def flag_lines(table: FlagTable) -> Iterator[Words]:
    """Every flag of every release in every spelling that its kind allows, and some that it does not."""
    seen: set[str] = set()
    for release in (table.at(_numbers(name)) for name in reversed(table.releases)):
        for flag in release.by_dest.values():
            if flag.name not in seen and flag.action != "help":
                seen.add(flag.name)
                yield from _of_flag(flag)
    for name, flag in _config_flags(table).items():
        yield from _of_config(name, flag[0], flag[1])


def _of_flag(flag: Flag) -> Iterator[Words]:
    for name in flag.names:
        long = name.startswith("--")
        spellings = (
            [name, name.replace("-", "_").replace("__", "--", 1), name[:-1], name[:-3]] if long else [name]
        )
        if not flag.takes_value:
            yield from (["serve", MODEL, spelt] for spelt in spellings)
            yield ["serve", MODEL, f"{name}=true"]
            continue
        good = _good(flag)
        for number, spelt in enumerate(spellings):
            yield ["serve", MODEL, spelt, good[number % len(good)]]
            yield ["serve", MODEL, f"{spelt}={good[0]}"]
        yield ["serve", MODEL, name]
    if flag.takes_value:
        for value in _good(flag)[1:]:
            yield ["serve", MODEL, flag.name, *(["one"] if flag.nargs == "+" else []), value]
        for value in ("", *BAD.get(flag.kind.removesuffix("?"), ("none-such",))):
            yield ["serve", MODEL, f"{flag.name}={value}"]
        yield ["serve", flag.name, _good(flag)[0], MODEL]
    if flag.kind.startswith("json"):
        yield [
            "serve",
            MODEL,
            f"{flag.name}.a.b",
            "80g",
            f"{flag.name}.a.c+",
            "1,two",
            f"{flag.name}.a.c+=three",
        ]
        yield ["serve", MODEL, f"{flag.name}.a=1", f"{flag.name}.a.b=true", flag.name, '{"z": 0}']


def _good(flag: Flag) -> list[str]:
    if flag.choices:
        plain = [str(choice) for choice in flag.choices]
        return [*plain, plain[0].upper()]
    return GOOD.get(flag.kind.removesuffix("?"), ["{}", "None"])


def _config_flags(table: FlagTable) -> dict[str, tuple[str, dict[str, list[Any]]]]:
    """Flags of a configuration class, each with every field of every release and the shapes it had."""
    found: dict[str, tuple[str, dict[str, list[Any]]]] = {}
    for release in (table.at(_numbers(name)) for name in table.releases):
        for flag in release.by_dest.values():
            if flag.kind.startswith("config:"):
                shape = release.shape(flag.kind.removesuffix("?").partition(":")[2])
                shortest = min(flag.names, key=len)
                fields = found.setdefault(flag.name, (shortest, {}))[1]
                for path, inner in _fields(shape, ()):
                    fields.setdefault(".".join(path), []).append(inner)
    return found


def _fields(shape: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    alternatives = shape if isinstance(shape, list) else [shape]
    for one in alternatives:
        if isinstance(one, dict) and "of" in one:
            for name, inner in one["of"].items():
                yield (*path, name), inner
                yield from _fields(inner, (*path, name))


def _of_config(name: str, short: str, fields: Mapping[str, Sequence[Any]]) -> Iterator[Words]:
    yield ["serve", MODEL, name, '{"no_such_key": 1}']
    yield ["serve", MODEL, name, "[]"]
    yield ["serve", MODEL, f"{short}.no_such_key=1"]
    for path, shapes in fields.items():
        good, bad = _of_shape(shapes[-1])
        for value in good:
            yield ["serve", MODEL, f"{short}.{path}={value if isinstance(value, str) else json.dumps(value)}"]
        for value in bad:
            yield ["serve", MODEL, name, json.dumps(_nested(path.split("."), value))]


def _of_shape(shape: Any) -> tuple[list[Any], list[Any]]:
    good: list[Any] = []
    bad: list[Any] = []
    for one in shape if isinstance(shape, list) else [shape]:
        if isinstance(one, str):
            more = OF_SHAPE[one.rstrip("<>=0123456789-.")]
            good, bad = good + more[0][:3], bad + more[1]
            bad += [-1] if ">" in one else []
        elif "list" in one:
            inner = _of_shape(one["list"])
            good, bad = [*good, inner[0][:2], []], [*bad, inner[1][:1], "text"]
        elif "of" in one:
            good, bad = [*good, {}], [*bad, {"no_such_key": 1}, "text"]
        else:
            words = one.get("values", one.get("names"))
            good, bad = (
                [*good, *words[:2]],
                [*bad, "no_such_word", *([str(words[0]).lower()] if words else [])],
            )
    return good, bad


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def mixed_lines(recipes: Sequence[Words], release: ReleaseFlags, count: int) -> Iterator[Words]:
    """Recipes respelt, with flags of one release mixed in."""
    pick = random.Random(SEED)
    flags = [flag for flag in release.by_dest.values() if flag.action != "help"]
    for _ in range(count):
        words = [_respelt(pick, word) for word in pick.choice(recipes)[1:]]
        for flag in pick.sample(flags, pick.randint(1, 4)):
            at = pick.randint(0, len(words))
            name = _respelt(pick, pick.choice(flag.names))
            value = [pick.choice(_good(flag))] if flag.takes_value else []
            words[at:at] = [f"{name}={value[0]}"] if value and pick.random() < 0.4 else [name, *value]
        yield words if pick.random() < 0.1 else ["serve", *words]


def _respelt(pick: random.Random, word: str) -> str:
    if not word.startswith("--") or pick.random() < 0.5:
        return word
    name, equals, value = word.partition("=")
    changed = pick.choice(
        [
            *[name.replace("-", "_").replace("__", "--", 1)] * 3,
            *[name[: max(4, len(name) - pick.randint(1, 8))]] * 2,
            f"{name}s",
        ]
    )
    return changed + equals + value


def recipe_lines(text: str) -> Iterator[Words]:
    """Lines of a recipe file: `MODEL FLAGS`."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield ["serve", *shlex.split(line)]


def _numbers(name: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in name.split("."))
    return major, minor, patch
