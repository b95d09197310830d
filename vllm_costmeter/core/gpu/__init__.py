"""GPUs as values: the specification of a GPU model, the group a model is placed on, and driver readings."""
