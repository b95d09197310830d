"""The code that `vllm serve` runs on a CUDA machine between parsing the flags and the first request.

vLLM's calls are too dynamic for a call graph (one by name reached 80 % of all functions), so the path is
listed by module, and code that only a request or an administrator's call reaches is excluded by function.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.upstream.stops import Stop, stops_of

_MODULES = re.compile(
    r"config/|engine/arg_utils\.py|envs\.py|env_override\.py|platforms/(__init__|interface|cuda)\.py|compilation/|lora/"
    r"|transformers_utils/|tokenizers/|model_executor/|models/|attention/|kernels/|device_allocator/|plugins/__init__"
    r"|utils/(argparse_utils|import_utils|flashinfer|deep_gemm|mem_utils|network_utils|numa_utils|torch_utils|nccl)"
    r"|distributed/(parallel_state|utils|device_communicators/|eplb/|kv_transfer/kv_connector/(factory|base))"
    r"|v1/(core|worker|executor|attention|spec_decode|sample)/|v1/(kv_cache_interface|cudagraph_dispatcher|utils)\.py"
    r"|v1/engine/(core|utils|coordinator|async_llm|core_client)\.py"
    r"|entrypoints/(cli/(serve|main)\.py|openai/(cli_args|api_server)\.py|launcher)"
)
_OTHER_HARDWARE = re.compile(
    r"(^|[/_])(cpu|xpu|rocm|tpu|hpu|aiter|amd|zentorch|gfx\d+)([/_.\d]|$)|_aiter|moe_rdna"
)
_LATER = re.compile(
    r"execute_model.*|sample_tokens|add_request.*|schedule|update_from_output|step.*|generate|encode|sleep|wake_up"
    r"|collective_rpc|reinitialize_.*|add_lora|remove_lora|pin_lora|add_adapter|activate_adapter|reset_.*|save_.*"
    r"|update_weights.*|start_profile|profile|\w*start_weight_update|finish_weight_update|init_weight_transfer_engine"
    r"|get_output.*|abort.*|reload_weights|process_inputs|_validate_params|pause.*|resume.*|release_kv_cache_memory"
    r"|\w*eep_?.*|prepare_elastic_ep|commit_.*elastic_ep|popleft.*|append.*|remove|prepend_n|allocate.*|cache_blocks"
    r"|free.*|touch|find_longest_cache_hit|embed_multimodal|_parse_and_validate.*|_process_.*_input|_call_hf_processor"
    r"|_get_prompt_updates|get_replacement.*|propose.*|_gather_mm_embeddings|update_config|apply_sparse.*"
    r"|_copy_pooler.*|handle_inputs|check_admission|run_busy_loop|_handle_client_request|check_health"
)
_ASSERTIONS = re.compile(
    r"config/|engine/arg_utils\.py|platforms/|v1/core/kv_cache|v1/kv_cache_interface\.py|v1/worker/gpu_worker\.py"
    r"|model_executor/models/config\.py|model_executor/layers/(linear|fused_moe/layer|vocab_parallel_embedding)\.py"
)
"""Modules with assertions that a configuration can violate; elsewhere only a model's `__init__` counts."""
_MODEL_ASSERTIONS = re.compile(r"(model_executor/models|models)/.*\.py")


def start_stops(package: Path) -> Iterator[Stop]:
    """Stops on the start path of one release; `package` is the folder `vllm` of its sources.
    FileNotFoundError if it has no sources; SyntaxError for a file that is not Python."""
    if not (package / "config").is_dir():
        raise FileNotFoundError(f"{package}: not the folder vllm of vLLM's sources (config/ is missing)")
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).as_posix()
        if on_start_path(module):
            yield from at_start(stops_of(path.read_text(encoding="utf-8"), module))


def on_start_path(module: str) -> bool:
    """Whether a module, given as a path below `vllm/`, is used in a start on CUDA."""
    return _MODULES.match(module) is not None and _OTHER_HARDWARE.search(module) is None


def at_start(stops: Iterable[Stop]) -> Iterator[Stop]:
    """Drop stops that only later calls reach, and assertions that no configuration can violate."""
    for stop in stops:
        if any(_LATER.fullmatch(name) for name in stop.function.split(".")):
            continue
        in_model = _MODEL_ASSERTIONS.fullmatch(stop.module) and stop.function.endswith(".__init__")
        if stop.kind != "assert" or in_model or _ASSERTIONS.match(stop.module):
            yield stop
