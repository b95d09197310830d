"""vLLM's own objects, read by attribute and translated once (without importing vllm)."""
