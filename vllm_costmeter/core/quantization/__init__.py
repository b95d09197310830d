"""Bytes of a layer under a quantization, as vLLM allocates them before it loads a checkpoint."""
