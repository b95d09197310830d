"""Rewrite the words of `vllm serve` as vLLM does before argparse: `parse_args` of its FlexibleArgumentParser.

`--model X` becomes the positional model (for `vllm serve` only), `--config FILE` the flags in the file,
underscores become dashes, `-O3` becomes `--optimization-level 3`, and `--flag.key value`, `-cc.key=value` and
`--flag.key+=value` become one JSON object per flag at the end. From `vllm/utils/argparse_utils.py` of every
release, 0.17.0 to 0.33.0.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vllm_costmeter.sources.vllm_cli.flag_table import ReleaseFlags
from vllm_costmeter.sources.vllm_cli.human_int import human_int
from vllm_costmeter.sources.vllm_cli.refusal import ServeArgsError, shown

HUMAN_NUMBERS_IN_JSON_SINCE = (0, 20, 0)
FALSE_IN_CONFIG_FILE_SINCE = (0, 28, 0)
"""Older releases ignore `key: false` in a --config file. `vllm serve` does so in every release: it looks for
`--no-key` among the flags of the `vllm` command instead of those of `serve`."""

LEVELS = ("0", "1", "2", "3")

ReadConfig = Callable[[str], Mapping[str, Any]]


def rewritten(
    flags: ReleaseFlags,
    words: Sequence[str],
    read_config: ReadConfig | None,
    *,
    is_module: bool,
    needs_model: bool = True,
) -> list[str]:
    """The words as argparse receives them, after `vllm serve` or `python -m
    vllm.entrypoints.openai.api_server`. ServeArgsError if vLLM's rewriting fails; `needs_model` False: not
    because no model is named."""
    needs_model = needs_model and not is_module
    given = list(words) if is_module else _model_first(list(words), needs_model)
    if "--config" in given:  # argparse consumes --config=FILE, and vLLM never reads the file
        given = _with_config_file(flags, given, read_config, is_module, needs_model)
    try:
        return _dotted_as_json(flags, _dashed(given))
    except RecursionError:
        raise ServeArgsError("value", "a dotted flag is nested too deeply to be read") from None


def _model_first(words: list[str], needs_model: bool) -> list[str]:
    at = next((number for number, word in enumerate(words) if re.match(r"--model(=.+|$)", word)), None)
    if at is not None:
        if words[at] == "--model":
            if at + 1 == len(words):
                raise ServeArgsError("expected", "--model: expects a value", flag="--model")
            model, after = words[at + 1], at + 2
        else:
            model, after = words[at].removeprefix("--model="), at + 1
        words = [model, *words[:at], *words[after:]]
    named = any(re.match(r"--served[-_]model[-_]name(=.+|$)", word) for word in words)
    has_file = any(re.match(r"--config(=.+|$)", word) for word in words)
    if needs_model and words and words[0].startswith("-") and named and not has_file:
        raise ServeArgsError(
            "model missing",
            "with --served-model-name the model must come first: vllm serve MODEL --served-model-name ...",
        )
    return words


def _with_config_file(
    flags: ReleaseFlags,
    words: list[str],
    read_config: ReadConfig | None,
    is_module: bool,
    needs_model: bool,
) -> list[str]:
    if words.count("--config") > 1:
        raise ServeArgsError(
            "config file", "--config is given more than once: vLLM reads one file", flag="--config"
        )
    at = words.index("--config")
    if at + 1 == len(words):
        raise ServeArgsError("config file", "--config names no file", flag="--config")
    name = words[at + 1]
    if name.rpartition(".")[2] not in ("yaml", "yml"):
        raise ServeArgsError(
            "config file", f"--config {shown(name)}: vLLM reads .yaml and .yml files only", flag="--config"
        )
    if read_config is None:
        raise ServeArgsError(
            "config file", f"--config {shown(name)}: the file is not at hand", flag="--config"
        )
    from_file = config_words(flags, read_config(name), is_module=is_module)
    model_given = not words[0].startswith("-")
    if needs_model and not model_given and "--model" not in from_file:
        raise ServeArgsError("model missing", f"no model: neither the command nor {shown(name)} names one")
    start = 1 if model_given else 0
    return [*words[:start], *from_file, *words[start:at], *words[at + 2 :]]


def reads_false(flags: ReleaseFlags, *, is_module: bool) -> bool:
    """Whether `key: false` in a --config file turns a flag off."""
    return is_module and flags.numbers >= FALSE_IN_CONFIG_FILE_SINCE


def config_words(flags: ReleaseFlags, values: Mapping[str, Any], *, is_module: bool = False) -> list[str]:
    """The words equivalent to the keys and values of a --config file."""
    words: list[str] = []
    takes_false = reads_false(flags, is_module=is_module)
    for key, value in values.items():
        if isinstance(value, bool):
            off = f"--no-{key}"
            if value:
                words.append(f"--{key}")
            elif takes_false and off in flags.by_name:
                words.append(off)
        elif isinstance(value, list):
            words += [f"--{key}", *map(str, value)] if value else []
        else:
            words += [f"--{key}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return words


def _dashed(words: list[str]) -> list[str]:
    """Replace underscores in flags by dashes, up to the first dot, and expand `-O3`."""
    result: list[str] = []
    for number, word in enumerate(words):
        if word.startswith("--help="):
            result.append("--help")
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            head, dot, tail = name.partition(".")
            result.append(head.replace("_", "-") + dot + tail + equals + value)
        elif word.startswith("-O") and word != "-O":
            result += ["--optimization-level", word[3:] if word[2] == "=" else word[2:]]
        elif word == "-O" and words[number + 1 : number + 2] and words[number + 1] in LEVELS:
            result.append("--optimization-level")
        else:
            result.append(word)
    return result


def _dotted_as_json(flags: ReleaseFlags, words: list[str]) -> list[str]:
    """Move dotted flags to the end, each once, with all its keys as JSON."""
    rest: list[str] = []
    objects: dict[str, dict[str, Any]] = {}
    numbers = flags.numbers >= HUMAN_NUMBERS_IN_JSON_SINCE
    pending = iter(words)
    for word in pending:
        name, equals, text = word.partition("=")
        if not word.startswith("-") or "." not in name:
            rest.append(word)
            continue
        if not equals:
            following = next(pending, None)
            if following is None:
                raise ServeArgsError("expected", f"{shown(name)}: expects a value", flag=name)
            text = following
        if name.endswith("+"):
            name, text = name[:-1], json.dumps(text.split(","))
        flag, *keys = name.split(".")
        value: Any = _value(text, numbers)
        for key in reversed(keys):
            value = {key: value}
        _merge(objects.setdefault(flag, {}), value)
    return [*rest, *(word for flag, value in objects.items() for word in (flag, json.dumps(value)))]


def _value(text: str, numbers: bool) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return human_int(text) if numbers else text
    except (ValueError, OverflowError, ArgumentTypeError):
        return text


def _merge(target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        known = target.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            _merge(known, value)
        elif isinstance(value, list) and isinstance(known, list):
            known += value
        else:
            target[key] = value
