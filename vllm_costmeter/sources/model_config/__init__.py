"""config.json -> core values. The only room that knows Hugging Face key names."""

from vllm_costmeter.sources.model_config.load import read_json_object, read_model
from vllm_costmeter.sources.model_config.model import model_from_config

__all__ = ["model_from_config", "read_json_object", "read_model"]
