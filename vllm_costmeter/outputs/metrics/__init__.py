"""The metric table and its way onto /metrics."""
