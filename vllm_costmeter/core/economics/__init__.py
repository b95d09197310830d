"""Rent, buy or call an API: exact arithmetic on dollars, hours and tokens."""
