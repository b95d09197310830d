"""Fit checks as text, JSON, tables and annotations."""
