"""The package's dated tables of GPUs and prices, overridden by the user's own rows."""
