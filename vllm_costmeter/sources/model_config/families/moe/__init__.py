"""Decoders with routed experts and ordinary attention."""
