"""Joules and what they cost."""
