"""Encoders, and models served for pooling alone."""
