"""Memory, rate and cost of fine-tuning a model."""
