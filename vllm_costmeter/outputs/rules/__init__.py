"""Prometheus recording rules and alerts, based on the metric table."""
