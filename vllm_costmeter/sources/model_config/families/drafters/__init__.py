"""Heads that draft for another model."""
