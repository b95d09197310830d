"""How quantization turns the shape of a layer into bytes, as vLLM allocates them before it loads a checkpoint."""
