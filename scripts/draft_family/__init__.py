"""The draft of a family's file, from what the installed vLLM builds for one config.json."""
