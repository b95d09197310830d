"""What vLLM itself adds to a model on a GPU, by version: defaults, what is subtracted, estimates with a range."""
