"""Fit checks as text, JSON, tables and GitHub annotations."""
