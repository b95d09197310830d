"""Decoders with latent attention."""
