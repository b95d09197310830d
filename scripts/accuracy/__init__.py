"""Predictions against what real servers logged and published runs measured."""
