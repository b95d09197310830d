"""The first and last vLLM release that serve an architecture.

Read from the model registry of every supported release (`scripts/upstream/architectures.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

from vllm_costmeter.core.release import Version, release_of

TABLE = Path(__file__).with_name("served_releases.json")


def served_releases(architecture: str) -> tuple[Version | None, Version | None]:
    """(first, last) release; None where there is no known bound."""
    table = json.loads(TABLE.read_text())
    first, last = table["first"].get(architecture), table["last"].get(architecture)
    return _number(first), _number(last)


def _number(text: str | None) -> Version | None:
    return None if text is None else release_of(text).number
