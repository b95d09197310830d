"""config.json -> core values. Only this package knows the key names of Hugging Face."""

from vllm_costmeter.sources.model_config.load import (
    SENTENCE_TRANSFORMERS,
    config_files,
    folder_config,
    parse_json_object,
    read_json_object,
    read_model,
)
from vllm_costmeter.sources.model_config.model import model_from_config

__all__ = [
    "SENTENCE_TRANSFORMERS",
    "config_files",
    "folder_config",
    "model_from_config",
    "parse_json_object",
    "read_json_object",
    "read_model",
]
