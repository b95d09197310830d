"""The command line of `vllm serve`, as vLLM's own parser reads it."""
