"""Checkpoints read from their headers: bounded reads, and nothing in them is executed."""
