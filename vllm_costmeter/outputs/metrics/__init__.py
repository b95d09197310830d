"""The metric table, and publishing it on /metrics."""
