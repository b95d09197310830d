"""Metering a running server: its model, prices and sources."""
