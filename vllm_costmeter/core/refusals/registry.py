"""The rules, in the order in which vLLM would stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vllm_costmeter.core.refusals.start import Refusal, Start

Rule = Callable[[Start], Refusal | None]


def refusal(start: Start) -> Refusal | None:
    """The first reason for which vLLM stops this start; None if no rule knows one."""
    for rule in _rules(start):
        found = rule(start)
        if found is not None:
            return found
    return None


def _rules(start: Start) -> Iterator[Rule]:
    """The rules that may concern this start; each is imported only then."""
    asked, capability = start.engine_args, start.compute_capability
    if start.model.last_release is not None:
        from vllm_costmeter.core.refusals.architecture_release import dropped_architecture_fault

        yield dropped_architecture_fault
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
    if asked.kv_cache_dtype != "auto":
        from vllm_costmeter.core.refusals.kv_cache_dtype import kv_cache_dtype_fault

        yield kv_cache_dtype_fault
