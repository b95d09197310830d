"""Where a GPU's bytes go before the KV cache gets the rest, per pipeline rank."""
