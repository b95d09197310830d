"""What speculative decoding builds in addition to the model: prediction layers, a head or a draft model."""

from __future__ import annotations

from typing import Any

from vllm_costmeter.plugin.exact import meta_model
from vllm_costmeter.plugin.exact.messages import NotAskableError


def build(config: Any) -> Any | None:
    """The drafter of a VllmConfig, on the last pipeline rank, beside the model that was built under it; None: it
    loads none. Its attention layers join the model's own, as in vLLM's model runner."""
    speculative = config.speculative_config
    if speculative is None or not (speculative.uses_draft_kv_cache() or speculative.method == "medusa"):
        return None
    if speculative.uses_draft_model():
        _verify_layout(speculative, config.parallel_config)
        from vllm.v1.spec_decode.draft_model import DraftModelProposer as Proposer

        prefix = "draft_model"  # DraftModelProposer._get_model, vLLM 0.32
    else:
        from vllm.v1.spec_decode.llm_base_proposer import SpecDecodeBaseProposer as Proposer

        prefix = ""
    proposer: Any = object.__new__(Proposer)  # without the buffers that its constructor puts on the GPU
    proposer.speculative_config, proposer.vllm_config = speculative, config
    own = speculative.draft_model_config
    drafter = meta_model.build(proposer._create_draft_vllm_config(), own, prefix)
    if _shares_the_models_cache(speculative):
        for layer in drafter.modules():
            if hasattr(layer, "kv_sharing_target_layer_name"):
                layer.kv_sharing_target_layer_name = "the model's last of its kind"
    return drafter


def _verify_layout(speculative: Any, target: Any) -> None:
    """Of two model runners of vLLM 0.32, one refuses a draft model with another tensor parallelism than the model's
    (v1/spec_decode/draft_model.py). Under pipeline parallelism both build only the last rank's layers of it, whether or
    not they start with them."""
    if speculative.draft_parallel_config.tensor_parallel_size != target.tensor_parallel_size:
        raise NotAskableError("vLLM may refuse a draft model with a different draft_tensor_parallel_size")
    if target.pipeline_parallel_size > 1:
        raise NotAskableError("vLLM does not build a complete draft model under pipeline parallelism")


def _shares_the_models_cache(speculative: Any) -> bool:
    """Gemma 4's prediction layers, which learn after loading which of the model's layers they read (vLLM 0.32)."""
    shares = getattr(speculative, "use_gemma4_mtp", None)
    return shares is not None and bool(shares())
