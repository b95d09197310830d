"""Several running servers side by side: what each publishes, in which order, and together."""
