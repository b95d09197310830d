"""Exact mode: the installed vLLM's own code counts weights and KV cache in a separate process.

This file imports neither vllm nor torch.
"""

from vllm_costmeter.plugin.exact.ask import ExactUnavailableError, VllmWorker, ask_vllm
from vllm_costmeter.plugin.exact.messages import ExactAnswer, ExactRequest

__all__ = ["ExactAnswer", "ExactRequest", "ExactUnavailableError", "VllmWorker", "ask_vllm"]
