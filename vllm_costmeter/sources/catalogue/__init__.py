"""The package's dated tables of GPUs and prices, with the user's own rows over them."""
