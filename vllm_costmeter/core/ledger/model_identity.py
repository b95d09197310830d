"""Who made a served model, from its name, where the name says so beyond doubt."""

from __future__ import annotations

import re
from typing import NamedTuple

FAMILIES = (
    "Command", "DeepSeek", "Devstral", "ERNIE", "EXAONE", "Falcon", "Gemma", "GLM", "gpt-oss", "Granite", "InternLM",
    "InternVL", "Jamba", "Kimi", "Llama", "MiniMax", "Ministral", "Mistral", "Mixtral", "Nemotron", "OLMo", "Phi",
    "Pixtral", "Qwen", "SmolLM", "Whisper", "Yi",
)  # fmt: skip
"""As the developers write them in the names of their models on huggingface.co, 2026-11-28."""


class ModelIdentity(NamedTuple):
    """What is not known is None."""

    developer: str | None
    """The organisation in a name such as `Qwen/Qwen3-8B`: whoever published it, which for a quantized copy is not who
    trained it."""
    family: str | None
    """None also for a name with two families, such as a distillation of one into the other."""


def model_identity(name: str) -> ModelIdentity:
    """Of a served model name. A path on disk has no developer."""
    owner, slash, short = name.partition("/")
    published = bool(slash and owner and short) and "/" not in short and owner[0] not in ".~"
    found = [
        family
        for family in FAMILIES
        if re.search(rf"(?<![a-z]){re.escape(family)}(?![a-z])", name.rpartition("/")[2], re.IGNORECASE)
    ]
    return ModelIdentity(owner if published else None, found[0] if len(found) == 1 else None)
