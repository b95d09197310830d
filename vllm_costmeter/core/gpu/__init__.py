"""GPUs as values: what a kind of GPU can do, the group a model is placed on, what a driver reports."""
