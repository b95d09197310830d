"""Decoders without experts."""
