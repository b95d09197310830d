"""The fit check: whether a model fits the given GPUs with the given flags, and what would make it fit."""
