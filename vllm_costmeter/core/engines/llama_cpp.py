"""llama.cpp's server with --metrics.

Source: tools/server/server-task.cpp and server-context.cpp, builds b7551 to b11549 (read and run 2026-11-28). Prompt
tokens never include cached ones, which are counted since a build between b10229 and b10566. Numbers have six
significant digits, so past a million tokens a small increase cannot be seen. The page names no model.
"""

from __future__ import annotations

from vllm_costmeter.core.engines.engine import Engine

LLAMA_CPP = Engine(
    key="llamacpp",
    title="llama.cpp",
    prefix="llamacpp:",
    prompt="llamacpp:prompt_tokens_total",
    cached="llamacpp:prompt_tokens_cached_total",
    prompt_includes_cached=False,
    generated="llamacpp:tokens_predicted_total",
    running="llamacpp:requests_processing",
    waiting="llamacpp:requests_deferred",
    absent_cached_is_none=False,
    counts_when="request end",
    significant_digits=6,
    model_at="/v1/models",
    sleep_at="/props",
    without_tokens="start it with --metrics",
)
