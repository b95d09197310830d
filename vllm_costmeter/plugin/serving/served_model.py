"""The model that this vLLM serves, from the configuration file that vLLM reads."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from vllm_costmeter.core.errors import BadInputError, NotUnderstoodError
from vllm_costmeter.core.model.model import Model
from vllm_costmeter.plugin.exact.model_files import config_of
from vllm_costmeter.sources.checkpoint.hub_client import cached_file
from vllm_costmeter.sources.checkpoint.model import model_of
from vllm_costmeter.sources.model_config import read_json_object
from vllm_costmeter.sources.models.drafter import open_draft_model
from vllm_costmeter.sources.models.local import gguf_model, gguf_named, local_model

log = logging.getLogger("vllm.costmeter")


def model_being_served(config: Any) -> Model:
    """The model from the very files that vLLM reads, as `costmeter check` reads them: a local folder, or the Hub's
    cache, where vLLM has just put its config.json; where neither has one (a bucket), from the configuration object that
    vLLM made. Of a GGUF model the weights are its file's. NotUnderstoodError for a GGUF file that is not here."""
    served = config.model_config
    if served.quantization == "gguf":
        return _gguf_model(served)
    name, found = str(served.model), path_being_served(config)
    if found is None:
        return model_of(served.hf_config.to_dict(), name)
    if found.is_dir() and served.hf_config_path is None:
        try:
            return local_model(found, name)
        except (
            BadInputError
        ) as why:  # vLLM may load other files than these (--load-format), so the start goes on
            log.warning("costmeter: the weights of %s are counted from its config.json: %s", name, why)
    values, beside = config_of(str(found))
    if beside is None and found.is_file():
        quantized = cached_file(name, "hf_quant_config.json", getattr(served, "revision", None))
        beside = None if quantized is None else read_json_object(quantized)
    return model_of(values, name, hf_quant_config=beside)


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


def draft_being_served(name: str, method: str | None) -> Model | None:
    """The draft model of `--speculative-config` from the config.json that vLLM has just read, in a local folder or the
    Hub's cache; None where it is in neither, or is not understood."""
    local = Path(name)
    found = local if local.exists() else cached_file(name, "config.json", None)
    try:
        return None if found is None else open_draft_model(str(found), method)
    except (BadInputError, NotUnderstoodError) as why:
        log.warning("costmeter: the draft model %s is not understood: %s", name, why)
        return None


def path_being_served(config: Any) -> Path | None:
    """The folder or config.json that vLLM reads; None if there is no such file."""
    served = config.model_config
    folder = Path(served.hf_config_path or served.model)
    if (folder / "config.json").is_file():
        return folder
    return cached_file(str(folder), "config.json", getattr(served, "revision", None))
