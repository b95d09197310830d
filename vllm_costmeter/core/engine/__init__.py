"""vLLM's flags and, by release, its defaults and memory accounting."""
