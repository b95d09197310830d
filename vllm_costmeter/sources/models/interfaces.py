"""The features that the class of an architecture lacks, and the first vLLM release in which it has them.

Read from the classes of every release (`scripts/upstream/interfaces.py`); those of 0.32.0 agree with what the
installed build says of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from vllm_costmeter.core.release import Version, release_of

TABLE = Path(__file__).with_name("interfaces.json")


def lacking(architecture: str) -> Mapping[str, Version | None]:
    """ "lora" and "eagle3" as far as once missing -> the first release with it, None for none so far."""
    table = json.loads(TABLE.read_text("utf-8"))
    found = {
        feature: by[architecture]
        for feature, by in table.items()
        if architecture in by and feature != "source"
    }
    return {name: None if first is None else release_of(first).number for name, first in found.items()}
