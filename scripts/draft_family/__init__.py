"""Draft a family's file from the model that the installed vLLM builds for one config.json."""
