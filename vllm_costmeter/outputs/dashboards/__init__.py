"""Grafana dashboards, generated from the metric table."""
