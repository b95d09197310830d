"""Real servers on this machine: tiny models, vLLM and llama.cpp, and what their /metrics says."""
