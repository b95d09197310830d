"""Which of a checkpoint's files vLLM reads its configuration from (`--config-format auto`, 0.17 to 0.33): Mistral's
params.json beside `consolidated*.safetensors`, else Hugging Face's config.json, and what lies beside that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from vllm_costmeter.core.errors import BadInputError

PARAMS = "params.json"
BESIDE = "config.json"
"""The key under which a params.json carries the config.json beside it, from which vLLM takes what it leaves out."""


def reads_params(files: Collection[str]) -> bool:
    """Whether vLLM reads params.json of these files; it is also read where there is no other configuration."""
    if PARAMS not in files:
        return False
    is_mistral = any(name.startswith("consolidated") and name.endswith(".safetensors") for name in files)
    return is_mistral or BESIDE not in files


def with_config(params: dict[str, Any], config: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    """A params.json and the config.json beside it, if any, as one. BadInputError, starting with `name`, where it is
    not Mistral's."""
    if not is_params(params):
        raise BadInputError(f"{name}: states no dim and n_layers, so it is no model's params.json")
    return params | ({BESIDE: dict(config)} if config else {})


HEADS = {
    "joint_head_config.json": (
        "joint_head_config",
        {
            "Qwen3OmniMoeForConditionalGeneration": "ClefOmniForJointSchema",
            "Qwen3_5ForConditionalGeneration": "ClefFlashForJointSchema",
        },
    ),
    "decision_config.json": ("decision_config", {"Qwen3_5Model": "D3ForSequenceClassification"}),
}
"""A file that vLLM looks for beside config.json -> the key under which it is kept, and the class that then serves each
architecture (model_arch_config_convertor.py, 0.32 and 0.33)."""


def with_head(config: dict[str, Any], file: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with such a file beside it, unchanged where vLLM does not look for it."""
    key, served = HEADS[file]
    names = config.get("architectures")
    name = served.get(str(names[0])) if isinstance(names, list) and len(names) == 1 else None
    return config if name is None else {**config, "architectures": [name], key: dict(found)}


def is_params(values: Mapping[str, Any]) -> bool:
    """Whether a parsed file is Mistral's: it names no class and has sizes of Mistral's names."""
    return "dim" in values and "n_layers" in values and "architectures" not in values
