"""The rows of the metric table, by subject."""
