"""Keys and methods of `--speculative-config` that the release does not have, and a number of tokens that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vllm_costmeter.core.errors import nearest
from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import Version, dotted

_ALWAYS = frozenset(
    """
    code_revision disable_padded_drafter_batch draft_load_config draft_model_config draft_parallel_config
    draft_tensor_parallel_size enforce_eager max_model_len method model num_speculative_tokens parallel_drafting
    prompt_lookup_max prompt_lookup_min quantization revision suffix_decoding_max_cached_requests
    suffix_decoding_max_spec_factor suffix_decoding_max_tree_depth suffix_decoding_min_token_prob
    target_model_config target_parallel_config tensor_parallel_size use_local_argmax_reduction
    """.split()  # noqa: SIM905 - 30 quoted strings read worse than words
)
"""Fields of `SpeculativeConfig` (vllm/config/speculative.py) in 0.17.0 to 0.33.0; other keys are forbidden."""

_SINCE: Mapping[str, Version] = {
    "attention_backend": (0, 21, 0),
    "disable_eagle_block_drop": (0, 30, 0),
    "disable_lookahead_block_hashes": (0, 33, 0),
    "draft_lm_head_quantization": (0, 33, 0),
    "draft_sample_method": (0, 21, 0),
    "dspark_draft_topk": (0, 28, 0),
    "enable_adaptive_verification": (0, 28, 0),
    "fly_entropy_threshold": (0, 33, 0),
    "fly_entropy_top_k": (0, 33, 0),
    "fly_window_size": (0, 33, 0),
    "index_share_for_mtp_iteration": (0, 29, 0),
    "kv_cache_dtype": (0, 26, 0),
    "moe_backend": (0, 19, 0),
    "num_speculative_tokens_per_batch_size": (0, 24, 0),
    "rejection_sample_method": (0, 18, 0),
    "synthetic_acceptance_length": (0, 20, 0),
    "synthetic_acceptance_rate": (0, 19, 0),
    "synthetic_acceptance_rates": (0, 20, 0),
    "use_heterogeneous_vocab": (0, 25, 0),
    "xpress_topc": (0, 33, 0),
}
_LAST: Mapping[str, Version] = {"speculative_token_tree": (0, 20, 2), "synthetic_acceptance_rate": (0, 19, 1)}

_METHODS: Mapping[str, Version] = {
    "ngram": (0, 17, 0),
    "medusa": (0, 17, 0),
    "mlp_speculator": (0, 17, 0),
    "draft_model": (0, 17, 0),
    "suffix": (0, 17, 0),
    "eagle": (0, 17, 0),
    "eagle3": (0, 17, 0),
    "extract_hidden_states": (0, 17, 0),
    "mtp": (0, 17, 0),
    "ngram_gpu": (0, 18, 0),
    "dflash": (0, 20, 0),
    "custom_class": (0, 22, 0),
    "dspark": (0, 25, 0),
}
"""`SpeculativeMethod` of the same file, by first release; names of prediction layers ("qwen3_5_mtp") end in mtp."""
_LAST_METHODS: Mapping[str, Version] = {"medusa": (0, 32, 0), "mlp_speculator": (0, 32, 0)}


def speculative_keys_fault(start: Start) -> Refusal | None:
    asked = start.engine_args.speculative_config or {}
    message = _key_fault(start, asked) or _method_fault(start, asked) or _tokens_fault(start, asked)
    return None if message is None else Refusal("speculative_config", f"--speculative-config: {message}")


def _key_fault(start: Start, asked: Mapping[str, Any]) -> str | None:
    number = start.release.number
    if asked.get("tensor_parallel_size") is not None:
        return "tensor_parallel_size is not a key of its own: use draft_tensor_parallel_size"
    for key in asked:
        if key in _ALWAYS:
            continue
        since, last = _SINCE.get(key), _LAST.get(key)
        if since is None and last is None:
            return f"has no key {key[:60]!r}{nearest(key, [*_ALWAYS, *_SINCE])}"
        if since is not None and number < since:
            return f"vLLM {start.release} has no key {key}; {dotted(since)} is the first that has"
        if last is not None and number > last:
            return f"vLLM {start.release} has no key {key}; {dotted(last)} was the last that had"
    return None


def _method_fault(start: Start, asked: Mapping[str, Any]) -> str | None:
    method, number = asked.get("method"), start.release.number
    if not isinstance(method, str) or method.endswith("mtp"):
        return None
    if method not in _METHODS:
        return f"{method[:40]!r} is not a method{nearest(method, _METHODS)}"
    if number < _METHODS[method]:
        first = dotted(_METHODS[method])
        return f"vLLM {start.release} has no method {method}; {first} is the first that has"
    if method in _LAST_METHODS and number > _LAST_METHODS[method]:
        return f"vLLM {start.release} has no method {method}; {dotted(_LAST_METHODS[method])} was the last that had"
    return None


def _tokens_fault(start: Start, asked: Mapping[str, Any]) -> str | None:
    """What vLLM can take from nowhere else: a draft's own file may state it (`n_predict`), and suffix decoding has a
    default."""
    if asked.get("num_speculative_tokens") is not None:
        return None
    method, model = asked.get("method"), asked.get("model")
    is_lookup = method in ("ngram", "ngram_gpu", "extract_hidden_states") or model in ("ngram", "[ngram]")
    is_own = isinstance(method, str) and method.endswith("mtp") and model is None
    if is_lookup or is_own:
        return "needs num_speculative_tokens"
    return None
