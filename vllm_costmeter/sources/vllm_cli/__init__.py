"""Parse `vllm serve` command lines of each release exactly as vLLM's own parser does."""
