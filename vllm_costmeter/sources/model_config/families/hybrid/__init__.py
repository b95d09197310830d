"""Decoders with recurrent layers."""
