"""The fit check: does this model fit these GPUs with these flags, and what would change the answer."""
