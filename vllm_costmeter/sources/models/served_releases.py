"""From which vLLM release on, and until which, an architecture is served.

Read in the registries of all releases from the oldest supported on (`scripts/upstream/architectures.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

from vllm_costmeter.core.release import Version, release_of

TABLE = Path(__file__).with_name("served_releases.json")


def served_releases(architecture: str) -> tuple[Version | None, Version | None]:
    """(first, last); None: as far back as is known, and still."""
    table = json.loads(TABLE.read_text())
    first, last = table["first"].get(architecture), table["last"].get(architecture)
    return _number(first), _number(last)


def _number(text: str | None) -> Version | None:
    return None if text is None else release_of(text).number
