"""Parse one flag value by its kind in `flags.json`; it fails where vLLM's parser fails."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.sources.vllm_cli.flag_table import Flag, ReleaseFlags
from vllm_costmeter.sources.vllm_cli.human_int import human_int, human_int_or_auto, with_plain_numbers
from vllm_costmeter.sources.vllm_cli.refusal import shown
from vllm_costmeter.sources.vllm_cli.spelling import HUMAN_NUMBERS_IN_JSON_SINCE

MOST_CHOICES_TOLD = 12

NEEDED_BESIDE = {
    ("KVTransferConfig", "kv_connector"): "kv_role",
    ("ECTransferConfig", "ec_connector"): "ec_role",
}
"""Keys that require another key (`__post_init__` in vllm/config/kv_transfer.py and ec_transfer.py)."""

ADAPTER_PATH_WITH_EQUALS_SINCE = (0, 30, 0)
"""Before this release, `--lora-modules name=path` with another "=" in the path ended vLLM."""


def _json_or_str(text: str) -> Any:
    return _unless_none(json.loads, text) if re.match(r"(?s)^\s*{.*}\s*$", text) else text


def _unless_none(read: Callable[[str], Any], text: str) -> Any:
    return None if text in ("", "None") else read(text)


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "str": (str, "a string"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "json": (json.loads, "JSON"),
    "json_or_str": (_json_or_str, "JSON or a string"),
    "human_int": (human_int, "a whole number such as 8192, 8k or 8K"),
    "human_int_or_auto": (human_int_or_auto, "a whole number such as 8192, 8k or 8K, or auto"),
    "none_is_empty": (lambda text: "" if text.lower() == "none" else text, "a string"),
    "snake_case": (lambda text: text.lower().replace("-", "_"), "a string"),
    "comma_list": (
        lambda text: [int(part) if part.isdigit() else part for part in map(str.strip, text.split(","))],
        "a list with commas",
    ),
}


def read(flags: ReleaseFlags, flag: Flag, text: str) -> Any:
    """The value. ValueError with one line on what is allowed."""
    kind = flag.kind.removesuffix("?")
    if kind != flag.kind and text in ("", "None"):
        return None
    if kind.startswith("config:"):
        return _config(flags, flag.name, kind.partition(":")[2], text)
    reader, expected = READERS[kind]
    try:
        return reader(text)
    except ArgumentTypeError as error:
        raise ValueError(f"{flag.name}: {error}") from None
    except (ValueError, OverflowError, RecursionError):
        raise ValueError(f"{flag.name}: must be {expected}, got {shown(text, quoted=True)}") from None


def check_choice(flags: ReleaseFlags, flag: Flag, value: Any) -> None:
    """Raise ValueError if the flag does not allow the value; the line says which releases do."""
    if flag.choices is None or value in flag.choices:
        return
    allowed = [str(choice) for choice in flag.choices if choice is not None]
    from vllm_costmeter.sources.vllm_cli.other_releases import taking_choice

    other = taking_choice(flags, flag, value)
    near = nearest(str(value), allowed) if len(allowed) > MOST_CHOICES_TOLD else ""
    if near:
        raise ValueError(
            f"{flag.name}: takes no {shown(str(value), quoted=True)}{near}, or another of {len(allowed)}{other}"
        )
    raise ValueError(
        f"{flag.name}: must be one of {', '.join(allowed)}; got {shown(str(value), quoted=True)}{other}"
    )


def adapters(flags: ReleaseFlags, flag: Flag, given: list[str | None]) -> list[dict[str, Any]]:
    """LoRA adapters from `name=path` or JSON. ValueError with one line."""
    found: list[dict[str, Any]] = []
    for item in filter(None, given):
        if "=" in item and "," not in item:
            name, _, path = item.partition("=")
            if "=" in path and flags.numbers < ADAPTER_PATH_WITH_EQUALS_SINCE:
                raise ValueError(f"{flag.name}: vLLM {flags.release} takes one = in {item!r}; give JSON")
            adapter: Any = {"name": name, "path": path}
        else:
            try:
                adapter = json.loads(item)
            except (ValueError, RecursionError):
                raise ValueError(
                    f"{flag.name}: must be name=path or a JSON object, got {shown(item, quoted=True)}"
                ) from None
        needed = {key for key, required in flag.fields.items() if required}
        if not isinstance(adapter, dict) or not needed <= adapter.keys() <= flag.fields.keys():
            raise ValueError(
                f"{flag.name}: must have the keys {', '.join(flag.fields)}, got {shown(item, quoted=True)}"
            )
        found.append(adapter)
    return found


def _config(flags: ReleaseFlags, name: str, config: str, text: str) -> Any:
    from vllm_costmeter.sources.vllm_cli.config_shape import fault

    try:
        plain = with_plain_numbers(text) if flags.numbers >= HUMAN_NUMBERS_IN_JSON_SINCE else text
        value = json.loads(plain)
    except ArgumentTypeError as error:
        raise ValueError(f"{name}: {error}") from None
    except (ValueError, OverflowError, RecursionError):
        raise ValueError(f"{name}: must be a JSON object, got {shown(text, quoted=True)}") from None
    if found := fault(flags.shape(config), value, name):
        from vllm_costmeter.sources.vllm_cli.other_releases import taking_shape

        other = taking_shape(flags, config, lambda shape: fault(shape, value, name) is None)
        raise ValueError(found + other)
    for (owner, key), needed in NEEDED_BESIDE.items():
        if owner == config and value.get(key) is not None and value.get(needed) is None:
            raise ValueError(f"{name}: {key} also needs {needed}")
    return value
