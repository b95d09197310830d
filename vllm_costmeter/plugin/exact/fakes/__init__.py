"""Exact mode's replacements for a GPU, other ranks and compiled code."""
