"""The package's dated tables of GPUs and prices, which the user's rows override."""
