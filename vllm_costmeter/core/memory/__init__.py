"""GPU memory used before the KV cache gets the rest, per pipeline rank."""
