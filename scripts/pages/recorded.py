"""The recorded configurations of tests/data, and the words for what was compared with them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vllm_costmeter.sources.models.draft_config import head_config

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()]


def published_config(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "models" / name / "config.json").read_text())
    return found


def config_of(line: dict[str, Any]) -> dict[str, Any]:
    """Of a recorded drafter: the head's as vLLM reads it, or the model's with the layers."""
    config: dict[str, Any] = line.get("config") or published_config(line["published"])
    if "method" not in line:
        return config
    return dict(head_config(config, "config.json", line["method"]) or config)


def words_of(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds, reverse=True)) or "code"
