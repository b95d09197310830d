"""Servers in a terminal, live or once."""
