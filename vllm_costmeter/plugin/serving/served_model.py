"""The model that this vLLM serves, from the configuration file that vLLM reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.sources.checkpoint.hub_client import cached_file
from vllm_costmeter.sources.model_config import model_from_config, read_model
from vllm_costmeter.sources.models.local import gguf_model, gguf_named


def model_being_served(config: Any) -> Model:
    """The model from the very config.json that vLLM reads: a local folder, or the Hub's cache, which vLLM has just
    filled; where neither has one (a bucket), from the configuration object that vLLM made. Of a GGUF model the weights
    are its file's."""
    if config.model_config.quantization == "gguf":
        return _gguf_model(config.model_config)
    found = path_being_served(config)
    if found is not None:
        return read_model(found)
    served = config.model_config
    return model_from_config(served.hf_config.to_dict(), name=str(served.model))


def _gguf_model(served: Any) -> Model:
    """Raises NotUnderstoodError if its file is missing or incomplete: config.json alone does not determine its
    weights."""
    named = str(getattr(served, "model_weights", None) or served.model)
    try:
        file = gguf_named(Path(named))
        if file is not None:
            return gguf_model(file, str(served.model), served.hf_config.to_dict())
    except BadInputError as why:
        raise NotUnderstoodError(str(why)) from None
    raise NotUnderstoodError(f"{named}: the GGUF file is not on this machine, so its weights are unknown")


def path_being_served(config: Any) -> Path | None:
    """The folder or config.json that vLLM reads; None if there is no such file."""
    served = config.model_config
    folder = Path(served.hf_config_path or served.model)
    if (folder / "config.json").is_file():
        return folder
    return cached_file(str(folder), "config.json", getattr(served, "revision", None))
