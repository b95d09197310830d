"""What vLLM itself adds to a model on a card, by version: defaults, what is subtracted, estimates with a range."""
