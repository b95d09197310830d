"""Run real servers locally: tiny models, vLLM and llama.cpp, and their /metrics."""
