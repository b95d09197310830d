"""The dashboards, generated from the metric table."""
