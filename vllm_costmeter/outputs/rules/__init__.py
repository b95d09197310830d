"""Prometheus recording rules and alerts, generated from the metric table."""
