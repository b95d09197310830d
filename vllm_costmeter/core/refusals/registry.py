"""The rules, in the order in which vLLM would stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vllm_costmeter.core.refusals.start import Refusal, Start
from vllm_costmeter.core.release import OLDEST_SUPPORTED

Rule = Callable[[Start], Refusal | None]


def refusal(start: Start) -> Refusal | None:
    """The first certain reason for which vLLM stops this start, else the first possible one; None if there is none."""
    doubt: Refusal | None = None
    for rule in _rules(start):
        found = rule(start)
        if found is not None and found.is_certain:
            return found
        doubt = doubt or found
    return doubt


def _rules(start: Start) -> Iterator[Rule]:
    """The rules that may concern this start; each is imported only then."""
    asked, capability = start.engine_args, start.compute_capability
    if start.model.last_release is not None:
        from vllm_costmeter.core.refusals.architecture_release import dropped_architecture_fault

        yield dropped_architecture_fault
    if start.model.architecture == "InternS1ProForConditionalGeneration":
        from vllm_costmeter.core.refusals.architecture_release import broken_architecture_fault

        yield broken_architecture_fault
    if asked.dtype != "auto" or (capability is not None and capability < (8, 0)):
        from vllm_costmeter.core.refusals.dtype import dtype_fault

        yield dtype_fault
    if start.model.quantization_facts is not None or start.engine.quantization is not None:
        from vllm_costmeter.core.refusals.quantization_dtype import quantization_dtype_fault
        from vllm_costmeter.core.refusals.quantization_gpu import quantization_gpu_fault
        from vllm_costmeter.core.refusals.quantization_method import method_fault
        from vllm_costmeter.core.refusals.quantization_scheme import quantization_scheme_fault

        yield method_fault
        yield quantization_scheme_fault
        yield quantization_gpu_fault
        yield quantization_dtype_fault
    if start.model.unsplit_items is not None or asked.disable_chunked_mm_input:
        from vllm_costmeter.core.refusals.multimodal_step import multimodal_step_fault

        yield multimodal_step_fault
    if asked.attention_backend is not None:
        from vllm_costmeter.core.refusals.attention_backend import attention_backend_fault

        yield attention_backend_fault
    if start.model.architecture in ("FlintForCausalLM", "Rnj1ForCausalLM", "Step1ForCausalLM"):
        from vllm_costmeter.core.refusals.one_backend import one_backend_fault

        yield one_backend_fault
    if start.kv_cache_dtype != "auto" and capability is not None and capability < (8, 9):
        from vllm_costmeter.core.refusals.fp8_cache import bfloat16_cache_fault, fp8_cache_fault

        yield fp8_cache_fault
        yield bfloat16_cache_fault
    if asked.kv_cache_dtype != "auto":
        from vllm_costmeter.core.refusals.kv_cache_dtype import kv_cache_dtype_fault

        yield kv_cache_dtype_fault
    if start.release.number >= OLDEST_SUPPORTED:
        yield from _flag_rules(start)


def _flag_rules(start: Start) -> Iterator[Rule]:
    """The rules about flags that go with each other, or with the model's class: read in no release before 0.17."""
    asked, layout = start.engine_args, start.engine_args.layout
    if layout.enable_expert_parallel or asked.enable_eplb or asked.eplb_config is not None:
        from vllm_costmeter.core.refusals.experts import expert_fault

        yield expert_fault
    if asked.prefill_context_parallel_size > 1:
        from vllm_costmeter.core.refusals.prefill_context import prefill_context_fault

        yield prefill_context_fault
    if (
        asked.second_runner is not None
        or asked.speculative_config is not None
        or asked.prefill_context_parallel_size > 1
        or (asked.async_scheduling and layout.pipeline_parallel_size > 1)
    ):
        from vllm_costmeter.core.refusals.model_runner import model_runner_fault

        yield model_runner_fault
    if asked.kv_cache_interleave_size > 1 and layout.decode_context_parallel_size > 1:
        from vllm_costmeter.core.refusals.prefill_context import interleave_fault

        yield interleave_fault
    if asked.speculative_config is not None:
        from vllm_costmeter.core.refusals.drafter_layout import drafter_layout_fault
        from vllm_costmeter.core.refusals.drafting import drafting_fault
        from vllm_costmeter.core.refusals.speculative_keys import speculative_keys_fault

        yield speculative_keys_fault
        yield drafter_layout_fault
        yield drafting_fault
    if asked.enable_lora:
        from vllm_costmeter.core.refusals.adapters import adapter_fault

        yield adapter_fault
    if (
        asked.max_num_batched_tokens is not None
        or asked.long_prefill_token_threshold
        or asked.max_num_active_seqs
    ):
        from vllm_costmeter.core.refusals.scheduler import scheduler_fault

        yield scheduler_fault
    if (
        asked.disable_hybrid_kv_cache_manager is not None
        or asked.kv_transfer_config is not None
        or asked.kv_offloading_size is not None
    ):
        from vllm_costmeter.core.refusals.hybrid_manager import hybrid_manager_fault

        yield hybrid_manager_fault
    if start.model.is_hybrid or asked.mamba_block_size is not None:
        from vllm_costmeter.core.refusals.hybrid_prefixes import hybrid_prefix_fault

        yield hybrid_prefix_fault
    if asked.data_parallel_external_lb or asked.runner == "generate":
        from vllm_costmeter.core.refusals.serving_mode import serving_mode_fault

        yield serving_mode_fault
    if asked.max_cudagraph_capture_size is not None:
        from vllm_costmeter.core.refusals.graph_sizes import graph_sizes_fault

        yield graph_sizes_fault
