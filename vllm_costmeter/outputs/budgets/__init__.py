"""Budgets as people and programs read them."""
