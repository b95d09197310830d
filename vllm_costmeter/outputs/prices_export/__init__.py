"""Prices per token in the formats of programs that keep such prices."""
