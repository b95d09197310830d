"""Bills of providers."""
