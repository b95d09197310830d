"""Engines that run beside us, read through their own /metrics."""
