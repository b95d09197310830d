"""vLLM's own objects, read by attribute and translated once (no vllm import)."""
