"""Running servers and their results: /metrics pages, Prometheus, benchmark files."""
