"""The share of single requests, adapters and cached tokens in the active cost."""
