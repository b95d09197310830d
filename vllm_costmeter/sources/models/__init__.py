"""Open the model that a MODEL argument names."""
