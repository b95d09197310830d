"""Measure real fine-tuning steps of small models, to check the arithmetic of `costmeter finetune`."""
