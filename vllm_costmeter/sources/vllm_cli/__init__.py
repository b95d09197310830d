"""The command line of `vllm serve`, release by release, read as vLLM's own parser reads it."""
