"""Prices per hour and per token: quotes, terms of ownership, exact arithmetic."""
