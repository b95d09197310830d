"""One description per model family: weights, KV cache and prediction layers, read once from config.json."""
