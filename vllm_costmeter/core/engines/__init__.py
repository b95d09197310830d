"""Inference engines other than through the plugin: which of their own metrics mean what."""
