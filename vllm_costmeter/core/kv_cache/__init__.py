"""The KV cache as vLLM lays it out: layers per rank, groups, blocks, tokens, and the longest length that fits."""
