"""Which of a checkpoint's files vLLM reads its configuration from (`--config-format auto`, 0.17 to 0.33): Mistral's
params.json beside `consolidated*.safetensors`, else Hugging Face's config.json."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

PARAMS = "params.json"
BESIDE = "config.json"
"""The key under which a params.json carries the config.json beside it, from which vLLM takes what it leaves out."""


def reads_params(files: Collection[str]) -> bool:
    """Whether vLLM reads params.json of these files; it is also read where there is no other configuration."""
    if PARAMS not in files:
        return False
    is_mistral = any(name.startswith("consolidated") and name.endswith(".safetensors") for name in files)
    return is_mistral or BESIDE not in files


def is_params(values: Mapping[str, Any]) -> bool:
    """Whether a parsed file is Mistral's: it names no class and has sizes of Mistral's names."""
    return "dim" in values and "n_layers" in values and "architectures" not in values
